"""index: find every file, check that it decodes, and label it.

Reads   data/raw (or the folder it links to), corrections.csv
Params  labels, index
Writes  data/images.csv (path, sha256, size, metadata, duplicate_group), data/labels.csv (path, label or
        labels, group, slices), reports/index/ (what was left out and why, copies, counts, pictures)
"""

import warnings
from pathlib import Path

from graft import atomic, tables
from graft.index import duplicates, show
from graft.index.corrections import Corrections
from graft.index.files import examine
from graft.index.labels import Labels, apply_rule
from graft.index.looks import Looks
from graft.index.settings import Index
from graft.index.verdicts import Found, by_class, counts, limit
from graft.source.raw import raw_root, vouch
from stages.runtime import Run, start

RAW, CORRECTIONS = Path("data/raw"), Path("corrections.csv")
IMAGES, LABELS, REPORT = Path("data/images.csv"), Path("data/labels.csv"), Path("reports/index")


def main(run: Run) -> None:
    labels: Labels = run.params("labels", Labels)
    index: Index = run.params("index", Index)
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a file is said by its verdict

    root = raw_root(RAW)
    found = Found(Looks(run.unfinished() / "looks"))
    found.collect(examine(root, index.only))
    vouch(RAW)
    images, rejected = found.tables()
    limit(rejected, len(images), index)
    images["duplicate_group"] = duplicates.group(found.looks, index.near)
    labelled = apply_rule(labels, root, images["path"].tolist(), Corrections.read(CORRECTIONS))
    conflicts = duplicates.conflicts(images, labelled.rows)

    tables.write(IMAGES, images)
    tables.write(LABELS, labelled.rows)
    with atomic.new_folder(REPORT) as report:
        tables.write(report / "rejected.csv", rejected)
        tables.write(report / "unlabelled.csv", labelled.unlabelled)
        tables.write(report / "duplicates.csv", duplicates.copies(images))
        tables.write(report / "conflicts.csv", conflicts)
        atomic.write_json(report / "metrics.json", counts(images, rejected, labelled, conflicts))
        show.save_samples(report / "samples.png", root, by_class(labelled.rows))
        show.save_counts(report / "classes.png", by_class(labelled.rows))
        show.save_sizes(report / "sizes.png", images)
    run.log(f"{len(images)} pictures, {len(rejected)} other files, {len(labelled.unlabelled)} unlabelled")


if __name__ == "__main__":
    start("index", main)
