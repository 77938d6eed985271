"""Confidence is compared with truth; the temperature undoes over- and underconfidence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from graft.evaluate.calibration import BINS, PRIOR_DEVIATION, calibration_error, fit_temperature, reliability
from graft.tasks import MultiLabel, SingleLabel

CLASSES = ["a", "b", "c"]


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
    for number in range(BINS):
        inside = (confidence >= number / BINS) & (confidence < (number + 1) / BINS)
        if inside.any():
            wanted += inside.mean() * abs(confidence[inside].mean() - holds[inside].mean())
    assert calibration_error(reliability(confidence, holds)) == pytest.approx(wanted, abs=1e-9)


def drawn(seed: int, count: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times too large, and labels that follow the true ones."""
    generator = np.random.default_rng(seed)
    true = generator.normal(size=(count, 3)) * 2
    labels = np.array([generator.choice(3, p=np.exp(row) / np.exp(row).sum()) for row in true])
    return (true * temperature).astype(np.float32), labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_it_is_found_again(temperature: float) -> None:
    assert fit_temperature(SingleLabel(CLASSES), *drawn(0, 6000, temperature)) == pytest.approx(temperature, rel=0.08)


def test_it_is_the_minimum_of_loss_and_expectation() -> None:
    logits, labels = drawn(1, 40, 2.0)

    def cost(temperature: float) -> float:
        scaled = logits.astype(np.float64) / temperature
        likelihood = scaled[np.arange(40), labels] - np.log(np.exp(scaled).sum(1))
        return float(-likelihood.sum() + np.log(temperature) ** 2 / (2 * PRIOR_DEVIATION**2))

    wanted = minimize_scalar(cost, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(SingleLabel(CLASSES), logits, labels) == pytest.approx(wanted, rel=1e-4)


def test_a_few_images_all_correct_do_not_call_for_certainty() -> None:
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2]] * 2
    assert 0.3 < fit_temperature(SingleLabel(CLASSES), logits, np.array([0, 1, 2])) < 1


def test_several_labels() -> None:
    generator = np.random.default_rng(2)
    true = generator.normal(size=(4000, 2)) * 2
    held = (generator.random((4000, 2)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    assert fit_temperature(MultiLabel(["a", "b"]), (2 * true).astype(np.float32), held) == pytest.approx(2, rel=0.08)
