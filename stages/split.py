"""split: divide the labelled pictures into train, valid and test.

Reads   data/images.csv (duplicate groups, metadata), data/labels.csv
Params  split, audit, labels (what its pattern reads in a path is no leak)
Writes  data/split.csv (path, split), reports/split/ (counts, what was set aside, leak audit)
"""

from pathlib import Path

from graft.core import tables
from graft.core.files import new_folder, write_json
from graft.data.dataset import EXCLUDED
from graft.labels.rules import Labels
from graft.split.assign import assign
from graft.split.audit import audit, describe, gate, unlearnt
from graft.split.config import Split
from graft.split.metadata import Audit
from stages.runtime import Run, start

IMAGES, LABELS = Path("data/images.csv"), Path("data/labels.csv")
SPLIT, REPORT = Path("data/split.csv"), Path("reports/split")


def main(run: Run) -> None:
    split: Split = run.params("split", Split)
    config: Audit = run.params("audit", Audit)
    rule: Labels = run.params("labels", Labels)

    labels = tables.read(LABELS)
    images = tables.read(IMAGES).set_index("path", drop=False).loc[labels["path"]].reset_index(drop=True)
    placed = assign(split, labels, images)
    counts = describe(labels, placed["split"])
    found = audit(labels, images, placed["split"], rule.pattern if rule.rule == "regex" else None)
    gate(config, found["metadata"])

    tables.write(SPLIT, labels[["path"]].assign(split=placed["split"]))
    with new_folder(REPORT) as report:
        aside = placed["split"] == EXCLUDED
        tables.write(report / "aside.csv", labels.loc[aside, ["path"]].assign(reason=placed.loc[aside, "why"]))
        write_json(report / "metrics.json", counts)
        write_json(report / "audit.json", found)
    run.log(", ".join(f"{count['all']} {name}" for name, count in counts.items()))
    for said in filter(None, (unlearnt(counts), found["metadata"]["warning"])):
        run.log(f"warning: {said}")


if __name__ == "__main__":
    start("split", main)
