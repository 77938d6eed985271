from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.label_errors import measure, plant, table
from benchmarks.machine import PACKAGES
from tests.report.stored_features import dataset, paths, stored, two_clouds


def test_as_many_labels_as_said_are_turned_into_another_class() -> None:
    made = dataset(["a", "b", "c", "a"] * 50)
    wrong, planted = plant(made, 0)
    turned = made.rows["label"] != wrong.rows["label"]
    assert set(made.rows["path"][turned]) == planted
    assert len(planted) == 10
    assert plant(made, 0)[1] == planted != plant(made, 1)[1]


def test_planted_errors_are_counted(tmp_path: Path) -> None:
    features, labels = two_clouds(200)
    features[:, 0] += np.where(labels == "a", -4, 4)  # nothing is doubtful but what is planted
    (tmp_path / "embeddings").mkdir()
    stored(tmp_path / "embeddings", features)
    split = ["train", "train", "valid", "valid"] * 50
    rows = pd.DataFrame({"path": paths(200), "label": labels, "group": "", "split": split})
    rows[["path", "label", "group"]].to_csv(tmp_path / "labels.csv", index=False)
    rows[["path", "split"]].to_csv(tmp_path / "split.csv", index=False)
    rows[["path"]].assign(duplicate_group=range(200)).to_csv(tmp_path / "images.csv", index=False)
    runs = measure(tmp_path)
    assert [run["planted"] for run in runs] == [10, 10, 10]
    assert min(run["precision"] for run in runs) >= 0.8
    facts = {"cores": 2, "processor": "some", "python": "3", "commit": "abc"} | dict.fromkeys(PACKAGES, "1")
    assert "| `made` | 200 | 0 | 10 | " in table({"datasets": {"made": runs}, "machine": facts})
