"""How logits become answers follows from the valid images: temperature, and thresholds by hand."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graft.core.errors import DataError, ParamsError
from graft.data.arrays import ImageRows
from graft.data.dataset import LabelledImages
from graft.evaluate.config import Abstain, Evaluate
from graft.evaluate.decision import (
    CoverageCurve,
    Logits,
    choose_threshold,
    decide,
    is_answered,
    logits_of,
    measure_answered,
)
from graft.tasks import MultiLabel, SingleLabel
from tests.export.tiny_bundle import network

TASK = SingleLabel(["a", "b"])
VALID = Logits(np.array([[9, 0], [9, 0], [0, 6], [0, 3]], dtype=np.float32), np.array([0, 1, 1, 1]))


def test_overconfidence_is_cooled() -> None:
    decision = decide(TASK, VALID, Evaluate())
    assert decision.temperature > 1.5
    assert (decision.tta, decision.abstain_below) == (["none"], None)


def test_without_calibration_logits_stay() -> None:
    decision = decide(TASK, VALID, Evaluate(calibrate=False, tta=["none", "horizontal"]))
    assert (decision.temperature, decision.tta) == (1.0, ["none", "horizontal"])
    np.testing.assert_allclose(VALID.probabilities(TASK, 1.0)[3], [1 / (1 + np.exp(3)), 1 / (1 + np.exp(-3))])


def test_the_threshold_is_laid_at_the_calibrated_confidence() -> None:
    config = Evaluate(abstain=Abstain(coverage=0.5))
    decision = decide(TASK, VALID, config)
    confidence = VALID.probabilities(TASK, decision.temperature).max(1)
    assert decision.abstain_below == pytest.approx((confidence[0] + confidence[2]) / 2, abs=2e-6)


def test_several_labels_need_no_threshold() -> None:
    with pytest.raises(ParamsError, match=r"evaluate.abstain: .* use null"):
        decide(MultiLabel(["a", "b"]), VALID, Evaluate(abstain=Abstain(precision=0.9), calibrate=False))


def test_logits_that_are_not_finite_name_the_first_image(tmp_path: Path) -> None:
    np.save(tmp_path / "pixels.npy", np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8))
    (tmp_path / "rows.csv").write_text("path\na.png\nb.png\nc.png\n")
    images = LabelledImages(ImageRows(tmp_path / "pixels.npy"), np.array([1, 2]), np.array([0, 1]))
    assert np.isfinite(logits_of(network(), images, 32, "fp32").values).all()
    broken = network()
    assert broken.head is not None
    with torch.no_grad():
        next(broken.head.parameters()).fill_(torch.nan)
    message = f"{re.escape('b.png')}: the network gives logits that are not finite in bf16, of 2 of 2 images"
    with pytest.raises(DataError, match=f"^{message}; evaluate.precision: fp32 may hold it$"):
        logits_of(broken, images, 32, "bf16")


CONFIDENCE = np.array([0.9, 0.8, 0.8, 0.6, 0.5])
CORRECT = np.array([True, True, False, True, False])
CURVE = CoverageCurve.of(CONFIDENCE, CORRECT)
LOWEST = 0.499999
"""Below the least confident image."""


def test_curve_by_hand() -> None:
    assert CURVE.threshold.tolist() == [0.85, 0.7, 0.55, 0.499999]
    assert CURVE.coverage.tolist() == [0.2, 0.6, 0.8, 1.0]
    assert CURVE.accuracy.tolist() == pytest.approx([1.0, 2 / 3, 3 / 4, 3 / 5])
    table = CURVE.table()
    assert table.columns.tolist() == ["coverage", "threshold", "accuracy"]
    assert table["coverage"].tolist() == [0.2, 0.6, 0.8, 1.0]


def test_the_curve_of_many_images_is_short() -> None:
    generator = np.random.default_rng(0)
    table = CoverageCurve.of(generator.random(5000), generator.random(5000) < 0.7).table()
    assert 90 <= len(table) <= 100
    assert table["coverage"].iloc[-1] == 1


@pytest.mark.parametrize(
    ("precision", "below"), [(0.99, 0.85), (0.74, 0.55), (0.7, 0.55), (0.6, LOWEST), (0.1, LOWEST)]
)
def test_a_precision_is_reached_with_as_many_answers_as_can_be(precision: float, below: float) -> None:
    assert choose_threshold(CURVE, Abstain(precision=precision)) == below


@pytest.mark.parametrize(("coverage", "below"), [(0.1, 0.85), (0.2, 0.85), (0.3, 0.7), (0.8, 0.55), (0.99, LOWEST)])
def test_a_coverage_is_reached(coverage: float, below: float) -> None:
    assert choose_threshold(CURVE, Abstain(coverage=coverage)) == below


def test_a_precision_out_of_reach_says_what_is_in_reach() -> None:
    curve = CoverageCurve.of(np.array([0.9, 0.8]), np.array([False, True]))
    with pytest.raises(
        ParamsError, match=r"0.9 is reached at no threshold; of the 2 most confident of 2 images 0.5 are correct"
    ):
        choose_threshold(curve, Abstain(precision=0.9))


@pytest.mark.parametrize("given", [{}, {"precision": 0.9, "coverage": 0.9}])
def test_one_of_the_two_is_named(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="name precision or coverage"):
        Abstain(**given)


def test_what_is_answered_is_measured() -> None:
    found = measure_answered(CONFIDENCE, CORRECT, pd.Series([""] * 5), 0.8)
    assert found.coverage == 0.6
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.accuracy_low is not None
    assert found.accuracy_high is not None
    assert found.accuracy_low < 2 / 3 < found.accuracy_high


def test_nothing_answered_has_no_accuracy() -> None:
    found = measure_answered(CONFIDENCE, CORRECT, pd.Series([""] * 5), 0.95)
    assert (found.coverage, found.accuracy, found.accuracy_low) == (0.0, None, None)


def test_a_threshold_lies_between_what_can_be_told_apart() -> None:
    close = np.array([0.9999999, 0.9999997, 0.7000001, 0.7, 0.6999999])
    curve = CoverageCurve.of(close, np.ones(5, dtype=bool))
    assert curve.answered.tolist() == [2, 5]  # what differs by noise is answered together
    assert curve.threshold[0] == pytest.approx(0.85, abs=1e-5)
    assert curve.threshold[1] < 0.6999999


def test_a_threshold_divides_two_that_are_very_close() -> None:
    close = np.array([0.8000051, 0.8000049])  # of two levels, and nearer than a short number could divide
    curve = CoverageCurve.of(close, np.ones(2, dtype=bool))
    assert is_answered(close, curve.threshold[0]).tolist() == [True, False]
    assert curve.table()["threshold"].iloc[0] == curve.threshold[0]
