"""index: find every file, check that it decodes, and label it.

Reads   data/raw
Params  labels, index
Writes  data/images.csv (path, sha256, width, height, duplicate_group), data/labels.csv (path,
        label, group, slices), reports/index/ (what was left out and why, counts)
"""

from pathlib import Path

from graft import atomic, tables
from graft.index import duplicates
from graft.index.files import Index, examine
from graft.index.labels import Labels, apply_rule
from graft.index.verdicts import collect, counts, limit
from stages.runtime import Run, start

RAW = Path("data/raw")
IMAGES, LABELS, REPORT = Path("data/images.csv"), Path("data/labels.csv"), Path("reports/index")


def main(run: Run) -> None:
    labels: Labels = run.params("labels", Labels)
    index: Index = run.params("index", Index)

    images, rejected = collect(examine(RAW))
    limit(rejected, index.max_rejected, len(images) + len(rejected))
    images["duplicate_group"] = duplicates.groups(images.pop("pixels").tolist())
    labelled = apply_rule(labels, RAW, images["path"].tolist())

    tables.write(IMAGES, images)
    tables.write(LABELS, labelled.rows)
    with atomic.new_folder(REPORT) as report:
        tables.write(report / "rejected.csv", rejected)
        tables.write(report / "unlabelled.csv", labelled.unlabelled)
        atomic.write_json(report / "metrics.json", counts(images, rejected, labelled))
    run.log(f"{len(images)} pictures, {len(rejected)} files rejected, {len(labelled.unlabelled)} unlabelled")


if __name__ == "__main__":
    start("index", main)
