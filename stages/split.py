"""split: divide the labelled images into train, valid and test.

Reads   data/images.csv (duplicate groups, metadata), data/labels.csv, data/label_rule.json (what its pattern
        reads in a path is no leak)
Params  split
Writes  data/split.csv (path, split), reports/split/ (counts, what was excluded and why, leak audit)
"""

import json
from pathlib import Path

from graft.core import tables
from graft.core.files import new_folder, write_json
from graft.data.dataset import EXCLUDED
from graft.split.assign import assign
from graft.split.audit import absent_classes_warning, audit, check_metadata_gain, count_classes, ids_warning
from graft.split.config import Split
from stages.runtime import Run, start

IMAGES, LABELS, RULE = Path("data/images.csv"), Path("data/labels.csv"), Path("data/label_rule.json")
SPLIT, REPORT = Path("data/split.csv"), Path("reports/split")


def main(run: Run) -> None:
    config: Split = run.params("split", Split)

    labels = tables.read(LABELS)
    images = tables.read(IMAGES).set_index("path", drop=False).loc[labels["path"]].reset_index(drop=True)
    assigned = assign(config, labels, images)
    counts = count_classes(labels, assigned["split"])
    found = audit(labels, images, assigned["split"], json.loads(RULE.read_text(encoding="utf-8"))["pattern"])
    check_metadata_gain(config, found["metadata"])

    tables.write(SPLIT, labels[["path"]].assign(split=assigned["split"]))
    with new_folder(REPORT) as report:
        excluded = assigned.loc[assigned["split"] == EXCLUDED, ["reason"]]
        tables.write(report / "excluded.csv", labels[["path"]].join(excluded, how="right"))
        write_json(report / "metrics.json", counts)
        write_json(report / "audit.json", found)
    run.log(", ".join(f"{count['all']} {name}" for name, count in counts.items()))
    warnings = (absent_classes_warning(counts), ids_warning(found["ids_in_names"]), found["metadata"]["warning"])
    for warning in filter(None, warnings):
        run.log(f"warning: {warning}")


if __name__ == "__main__":
    start("split", main)
