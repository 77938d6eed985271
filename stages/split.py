"""split: divide the labelled pictures into train, valid and test.

Reads   data/images.csv (duplicate groups), data/labels.csv
Params  split
Writes  data/split.csv (path, split), reports/split/ (counts, leak audit)
"""

from pathlib import Path

from graft import atomic, tables
from graft.split.assign import Split, assign
from graft.split.audit import audit, describe
from stages.runtime import Run, start

IMAGES, LABELS = Path("data/images.csv"), Path("data/labels.csv")
SPLIT, REPORT = Path("data/split.csv"), Path("reports/split")


def main(run: Run) -> None:
    split: Split = run.params("split", Split)

    labels = tables.read(LABELS)
    duplicate_groups = (
        tables.read(IMAGES).set_index("path").loc[labels["path"], "duplicate_group"].reset_index(drop=True)
    )
    splits = assign(split, labels, duplicate_groups)

    tables.write(SPLIT, labels[["path"]].assign(split=splits))
    with atomic.new_folder(REPORT) as report:
        counts = describe(labels, splits)
        atomic.write_json(report / "metrics.json", counts)
        atomic.write_json(report / "audit.json", audit(labels, duplicate_groups, splits))
    run.log(", ".join(f"{count['all']} {name}" for name, count in counts.items()))


if __name__ == "__main__":
    start("split", main)
