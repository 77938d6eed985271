"""index: find every file, check that it decodes, and label it.

Reads   data/raw (or the folder it links to), corrections.csv
Params  labels, index
Writes  data/images.csv (path, sha256, size, metadata, duplicate_group), data/labels.csv (path, label or
        labels, group, slices), reports/index/ (what was left out and why, copies, counts, pictures)
"""

import warnings
from pathlib import Path

from graft.core import tables
from graft.core.files import new_folder, write_json
from graft.data.raw import raw_root, vouch
from graft.index import duplicates
from graft.index.config import Index
from graft.index.fingerprints import Album
from graft.index.plots import save_counts, save_samples, save_sizes
from graft.index.scan import examine
from graft.index.summary import Found, by_class, counts, limit, repeated
from graft.labels.corrections import Corrections
from graft.labels.rules import Labels, apply_rule
from stages.runtime import Run, start

RAW, CORRECTIONS = Path("data/raw"), Path("corrections.csv")
IMAGES, LABELS, REPORT = Path("data/images.csv"), Path("data/labels.csv"), Path("reports/index")


def main(run: Run) -> None:
    labels: Labels = run.params("labels", Labels)
    index: Index = run.params("index", Index)
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a file is said by its verdict

    root = raw_root(RAW)
    album = Album(run.unfinished() / "thumbnails")
    found = Found(album)
    found.collect(examine(root, index.only))
    vouch(RAW)
    images, rejected = found.tables()
    limit(rejected, len(images), index)
    copies = duplicates.group(album.pixels, album.hashes, album.thumbnails, index.near)
    images["duplicate_group"] = copies.groups
    labelled = apply_rule(labels, root, images["path"].tolist(), Corrections.read(run.written(CORRECTIONS)))
    conflicts = duplicates.conflicts(images, labelled.rows.rename(columns={"labels": "label"}))

    tables.write(IMAGES, images)
    tables.write(LABELS, labelled.rows)
    with new_folder(REPORT) as report:
        tables.write(report / "rejected.csv", rejected)
        tables.write(report / "unlabelled.csv", labelled.unlabelled)
        tables.write(report / "duplicates.csv", images.loc[repeated(images), ["duplicate_group", "path"]])
        tables.write(report / "conflicts.csv", conflicts)
        write_json(report / "metrics.json", counts(images, rejected, labelled, copies, conflicts))
        save_samples(report / "samples.png", root, by_class(labelled.rows))
        save_counts(report / "classes.png", by_class(labelled.rows))
        save_sizes(report / "sizes.png", images)
    if len(conflicts):
        run.log(f"warning: {len(conflicts)} copies have different labels, see {REPORT / 'conflicts.csv'}")
    for doubt in labelled.doubts:
        run.log(f"warning: {doubt}")
    for first in labelled.unlabelled.head(1).itertuples():
        told = f"such as {first.path!r}, which {first.reason}; all are in {REPORT / 'unlabelled.csv'}"
        run.log(f"warning: {len(labelled.unlabelled)} pictures have no label, {told}")
    run.log(f"{len(images)} pictures, {len(rejected)} other files, {len(labelled.unlabelled)} unlabelled")


if __name__ == "__main__":
    start("index", main)
