"""How logits become answers follows from the valid pictures."""

import numpy as np
import pytest

from graft.core.errors import ParamsError
from graft.evaluate.config import Abstain, Evaluate
from graft.evaluate.decision import Logits, decide
from graft.tasks import MultiLabel, SingleLabel

TASK = SingleLabel(["a", "b"])
VALID = Logits(np.array([[9, 0], [9, 0], [0, 6], [0, 3]], dtype=np.float32), np.array([0, 1, 1, 1]))


def test_overconfidence_is_cooled() -> None:
    decision = decide(TASK, VALID, Evaluate())
    assert decision.temperature > 1.5
    assert (decision.tta, decision.abstain_below) == (["none"], None)


def test_without_calibration_logits_stay() -> None:
    decision = decide(TASK, VALID, Evaluate(calibrate=False, flips=["none", "horizontal"]))
    assert (decision.temperature, decision.tta) == (1.0, ["none", "horizontal"])
    np.testing.assert_allclose(VALID.probabilities(TASK, 1.0)[3], [1 / (1 + np.exp(3)), 1 / (1 + np.exp(-3))])


def test_the_threshold_is_laid_at_the_calibrated_confidence() -> None:
    config = Evaluate(abstain=Abstain(coverage=0.5))
    decision = decide(TASK, VALID, config)
    surest = VALID.probabilities(TASK, decision.temperature).max(1)
    assert decision.abstain_below == pytest.approx((surest[0] + surest[2]) / 2, abs=2e-6)


def test_several_labels_need_no_threshold() -> None:
    with pytest.raises(ParamsError, match=r"evaluate.abstain: .* use null"):
        decide(MultiLabel(["a", "b"]), VALID, Evaluate(abstain=Abstain(precision=0.9), calibrate=False))
