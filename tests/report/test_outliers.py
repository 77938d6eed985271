"""What lies far from all others comes first."""

from pathlib import Path

import numpy as np
import pytest

from graft.report import neighbours as module
from graft.report.neighbours import Standardised, neighbour_distances, outliers
from tests.evaluate.stored import paths, stored


def features(folder: Path, count: int = 300, far: int = 3) -> Standardised:
    """A cloud, and a few pictures each in a direction of its own."""
    values = np.random.default_rng(0).normal(size=(count, 20))
    for number in range(far):
        values[number * 10] = 0
        values[number * 10, number] = 12 + 4 * number
    return Standardised.of(stored(folder, values), paths(count))


def test_the_farthest_come_first(tmp_path: Path) -> None:
    found = outliers(paths(300), features(tmp_path))
    assert found["path"][:3].tolist() == ["0020.png", "0010.png", "0000.png"]
    assert found["score"].is_monotonic_decreasing
    assert found["score"].between(0, 1).all()
    assert found["score"][0] > 0.3
    assert len(found) < 15


def test_a_sample_to_compare_with_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFERENCE", 100)
    assert outliers(paths(300), features(tmp_path))["path"][:3].tolist() == ["0020.png", "0010.png", "0000.png"]


def test_an_image_is_not_its_own_neighbour(tmp_path: Path) -> None:
    values = np.asarray([[0.0], [1.0], [3.0]])
    made = Standardised.of(stored(tmp_path, values), paths(3))
    expected = np.asarray([2.0, 1.5, 2.5]) / values.std()
    assert neighbour_distances(made) == pytest.approx(expected, rel=1e-5)


def test_alike_all_of_them_is_no_outlier(tmp_path: Path) -> None:
    made = Standardised.of(stored(tmp_path, np.ones((30, 4))), paths(30))
    assert outliers(paths(30), made).empty


def test_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = features(tmp_path)
    whole = outliers(paths(300), made)
    monkeypatch.setattr("graft.report.neighbours.CHUNK", 7)
    assert outliers(paths(300), made).equals(whole)
