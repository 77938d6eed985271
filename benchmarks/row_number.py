"""How well the row number alone predicts the label of a solar cell: ``python -m benchmarks.row_number``.

Five nearest neighbours on the place in the table, no pixel seen, for each preset's split. Writes
``benchmarks/row_number.json``; a few seconds.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier

from graft.evaluate.intervals import accuracy_interval
from graft.index.labels import Labels, apply_rule
from graft.params import check, parse_yaml
from graft.source.locate import locate
from graft.source.settings import Source
from graft.split.assign import Split, assign

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ("solar-cells", "solar-cells-random")


def measure(preset: str) -> dict[str, Any]:
    """Accuracy on the preset's test split of what its other rows say by their place alone."""
    values = parse_yaml((ROOT / "presets" / f"{preset}.yaml").read_text(encoding="utf-8"))
    source: Source = check("source", Source, values["source"])
    labels: Labels = check("labels", Labels, values["labels"])
    split: Split = check("split", Split, values["split"])

    root = locate(source.uri)
    rows = apply_rule(labels, root, sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))).rows
    test = (assign(split, rows, pd.Series(range(len(rows)))) == "test").to_numpy()
    place = np.arange(len(rows))[:, None]
    neighbours = KNeighborsClassifier(5).fit(place[~test], rows["label"][~test])
    right = neighbours.predict(place[test]) == rows["label"][test].to_numpy()
    interval, _ = accuracy_interval(right, rows["group"][test])
    majority = rows["label"][test].value_counts(normalize=True).max()
    return {
        "pictures": int(test.sum()),
        "accuracy": float(right.mean()),
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
        "majority": float(majority),
    }


if __name__ == "__main__":
    found = {preset: measure(preset) for preset in PRESETS}
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
