"""The temperature undoes over- and underconfidence, and a handful of pictures does not carry it away."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from graft.evaluate.calibration import SPREAD, fit_temperature
from graft.tasks import MultiLabel, SingleLabel

CLASSES = ["a", "b", "c"]


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
        return float(-likelihood.sum() + np.log(temperature) ** 2 / (2 * SPREAD**2))

    wanted = minimize_scalar(cost, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(SingleLabel(CLASSES), logits, labels) == pytest.approx(wanted, rel=1e-4)


def test_a_few_images_all_right_do_not_call_for_certainty() -> None:
    logits = np.eye(3, dtype=np.float32)[[0, 1, 2]] * 2
    assert 0.3 < fit_temperature(SingleLabel(CLASSES), logits, np.array([0, 1, 2])) < 1


def test_several_labels() -> None:
    generator = np.random.default_rng(2)
    true = generator.normal(size=(4000, 2)) * 2
    held = (generator.random((4000, 2)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    assert fit_temperature(MultiLabel(["a", "b"]), (2 * true).astype(np.float32), held) == pytest.approx(2, rel=0.08)
