"""Confidence is laid beside truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.evaluate.calibration import BINS, calibration_error, confidences, reliability, save_reliability
from graft.tasks import MultiLabel, SingleLabel


def test_by_hand() -> None:
    table = reliability(np.array([0.61, 0.65, 0.95, 1.0]), np.array([True, False, True, True]))
    assert table["answers"].tolist() == [2, 2]
    assert table[["low", "high"]].to_numpy() == pytest.approx(np.array([[9, 10], [14, 15]]) / 15)
    assert table["confidence"].tolist() == pytest.approx([0.63, 0.975])
    assert table["share"].tolist() == [0.5, 1.0]
    assert calibration_error(table) == pytest.approx((0.13 + 0.025) / 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_the_error_is_that_of_its_definition(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    confidence, holds = generator.random(count), generator.random(count) < 0.6
    wanted = 0.0
    for place in range(BINS):
        inside = (confidence >= place / BINS) & (confidence < (place + 1) / BINS)
        if inside.any():
            wanted += inside.mean() * abs(confidence[inside].mean() - holds[inside].mean())
    assert calibration_error(reliability(confidence, holds)) == pytest.approx(wanted, abs=1e-9)


def test_one_label_is_judged_by_its_answer() -> None:
    probabilities = np.array([[0.7, 0.3], [0.4, 0.6]])
    confidence, holds = confidences(SingleLabel(["a", "b"]), probabilities, np.array([0, 0]))
    assert (confidence.tolist(), holds.tolist()) == ([0.7, 0.6], [True, False])


def test_several_labels_are_judged_class_by_class() -> None:
    probabilities, held = np.array([[0.7, 0.3]]), np.array([[1, 0]], dtype=np.float32)
    confidence, holds = confidences(MultiLabel(["a", "b"]), probabilities, held)
    assert (confidence.tolist(), holds.tolist()) == ([0.7, 0.3], [True, False])


def test_the_plot_is_the_same_bytes_twice(tmp_path: Path) -> None:
    table = reliability(np.array([0.61, 0.95]), np.array([True, False]))
    for name in ("one.png", "two.png"):
        save_reliability(tmp_path / name, {"before": table, "after": pd.concat([table])}, "right")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
