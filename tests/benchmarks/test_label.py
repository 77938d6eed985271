from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import label
from benchmarks.label import difference, measure, needed, table
from benchmarks.machine import PACKAGES
from tests.report.stored_features import paths, stored


def test_two_orders_are_measured_on_what_was_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label, "COUNTS", (2, 4, 8))
    generator, kinds = np.random.default_rng(0), np.resize([0, 1, 2], 60)
    (tmp_path / "embeddings").mkdir()
    stored(tmp_path / "embeddings", generator.normal(size=(60, 24)) + 20 * np.eye(3)[kinds].repeat(8, axis=1))
    rows = pd.DataFrame({"path": paths(60), "label": [*np.asarray(["a", "b", "c"])[kinds]], "group": ""})
    rows.to_csv(tmp_path / "labels.csv", index=False)
    rows[["path"]].assign(split=["train", "valid", "test"] * 20).to_csv(tmp_path / "split.csv", index=False)
    rows[["path"]].assign(duplicate_group=range(60)).to_csv(tmp_path / "images.csv", index=False)
    found = measure(tmp_path)
    assert found["images"] == 60
    assert found["full"] == [1.0] * 5
    chosen, at_random = np.asarray(found["chosen"]), np.asarray(found["random"])
    assert chosen.shape == at_random.shape == (5, 3)
    np.testing.assert_allclose(chosen[:, 0], 2 / 3)  # two labels are of two classes, for they are of two clusters
    assert (chosen[:, 1:] == 1).all()
    facts = {"cores": 2, "processor": "some", "python": "3", "commit": "abc"} | dict.fromkeys(PACKAGES, "1")
    text = table({"datasets": {"made": found}, "machine": facts})
    assert "| `made` | 100.0% | " in text
    assert "| 4 (4 to 4) | no |" in text


def test_the_goal_is_reached_when_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label, "COUNTS", (5, 10, 20))
    assert needed([0.96, 0.9, 1.0], 1.0) == 20
    assert needed([0.96, 0.96, 1.0], 1.0) == 5
    assert needed([0.9, 0.9, 0.9], 1.0) is None


def test_differences_are_paired() -> None:
    run = {"chosen": [[0.9], [0.8], [0.7]], "random": [[0.8], [0.7], [0.6]]}
    ((gain, spread),) = difference(run)
    assert gain == pytest.approx(0.1)
    assert spread == pytest.approx(0)
