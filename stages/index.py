"""index: find every file, check that it decodes, and label it.

Reads   data/raw (or the folder it links to), corrections.csv
Params  labels, index
Writes  data/images.csv (path, sha256, size, metadata, duplicate_group, depth), data/labels.csv (path, label or
        labels, group, slices), data/label_rule.json (the section labels, as it was applied),
        reports/index/ (what was left out and why, copies, counts, sample images)
"""

import warnings
from pathlib import Path

from graft.core import tables
from graft.core.files import new_folder, write_json
from graft.data.raw import raw_root, vouch
from graft.index import summary
from graft.index.config import Index
from graft.index.depth import find_depth
from graft.index.duplicates import conflicts, find_duplicates
from graft.index.fingerprints import FingerprintStore
from graft.index.regions import Boxes, tied_by_image
from graft.index.scan import check_bad_files, scan, scan_tables
from graft.labels.corrections import Corrections
from graft.labels.rules import Labels, apply_rule
from stages.runtime import Run, start

RAW, CORRECTIONS = Path("data/raw"), Path("corrections.csv")
IMAGES, LABELS, RULE = Path("data/images.csv"), Path("data/labels.csv"), Path("data/label_rule.json")
REPORT = Path("reports/index")


def main(run: Run) -> None:
    labels: Labels = run.params("labels", Labels)
    config: Index = run.params("index", Index)
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a file is said where it is rejected

    root, unfinished = raw_root(RAW), run.unfinished()
    boxes, prints = Boxes.read(root, config), FingerprintStore(unfinished / "thumbnails")
    images, rejected = scan_tables(scan(root, config, boxes, unfinished / "parts"), prints)
    vouch(RAW)
    check_bad_files(rejected, len(images), config)
    duplicates = find_duplicates(prints.pixels, prints.hashes, prints.thumbnails, config.near_duplicates, prints.chroma)
    images["duplicate_group"] = duplicates.groups
    wide = find_depth(images, config.depth)
    corrections = Corrections.read(run.written(CORRECTIONS))
    labelled = apply_rule(labels, root, images["path"].tolist(), corrections, boxes.labels)
    disputed = conflicts(images, labelled.rows.rename(columns={"labels": "label"}))
    found = summary.counts(images, rejected, labelled, duplicates, disputed)

    tables.write(IMAGES, images.assign(duplicate_group=tied_by_image(duplicates.groups, images["path"].tolist())))
    tables.write(LABELS, labelled.rows)
    write_json(RULE, labels.model_dump())
    with new_folder(REPORT) as report:
        tables.write(report / "rejected.csv", rejected)
        tables.write(report / "unlabelled.csv", labelled.unlabelled)
        repeated = images["duplicate_group"].duplicated(keep=False)
        tables.write(report / "duplicates.csv", images.loc[repeated, ["duplicate_group", "path"]])
        tables.write(report / "conflicts.csv", disputed)
        write_json(report / "metrics.json", found)
        summary.save_samples(report / "samples.png", root, summary.class_by_path(labelled.rows), wide.depth)
        summary.save_counts(report / "classes.png", summary.class_by_path(labelled.rows))
        summary.save_sizes(report / "sizes.png", images)
    warned = [*wide.warnings, *summary.warnings(images, rejected, labelled, duplicates, disputed, REPORT)]
    for line in [*wide.told, *(f"warning: {warning}" for warning in warned)]:
        run.log(line)
    run.log("{images} pictures, {bad} not usable, {other} other files, {unlabelled} unlabelled".format(**found))


if __name__ == "__main__":
    start("index", main)
