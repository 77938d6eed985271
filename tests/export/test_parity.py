"""Parity counts the pictures that a bundle answers otherwise, and refuses too many."""

import numpy as np
import pandas as pd
import pytest

from graft.errors import ExportError
from graft.export.parity import compare, gate
from graft.model.task import ManyLabels, OneLabel


def told(predicted: list[str]) -> pd.DataFrame:
    chances = {"a": [0.9, 0.2], "b": [0.1, 0.8]}
    return pd.DataFrame(
        {"path": ["x", "y"], "label": ["a", "a"], "predicted": predicted, "p_a": chances["a"], "p_b": chances["b"]}
    ).astype(str)


def test_parity_by_hand() -> None:
    said = np.asarray([[0.9, 0.1], [0.55, 0.45]], dtype=np.float32)
    found = compare(told(["a", "b"]), said, OneLabel(["a", "b"]))
    assert found["flips"] == 1
    assert found["flipped"] == [{"path": "y", "evaluated": "b", "exported": "a"}]
    assert found["largest_difference"] == 0.35
    gate(found, 1)
    with pytest.raises(ExportError, match=r"1 of 2 test pictures .* export.max_flips = 0; the first is y: b became a"):
        gate(found, 0)


def test_not_sure_is_an_answer() -> None:
    said = np.asarray([[0.9, 0.1], [0.3, 0.7]], dtype=np.float32)
    predictions = told(["a", "b"])
    assert compare(predictions, said, OneLabel(["a", "b"]), 0.6)["flips"] == 0
    found = compare(predictions, said, OneLabel(["a", "b"]), 0.75)
    assert found["flipped"] == [{"path": "y", "evaluated": "b", "exported": "not sure"}]
    assert found["right"] == 1


def test_a_share_of_the_pictures_may_flip() -> None:
    found = compare(told(["a", "b"]), np.asarray([[0.9, 0.1], [0.55, 0.45]], dtype=np.float32), OneLabel(["a", "b"]))
    gate(found, 0.5 * 2, "export.int8.max_flips")
    with pytest.raises(ExportError, match=r"over export.int8.max_flips = 0.8;"):
        gate(found, 0.4 * 2, "export.int8.max_flips")


def test_parity_compares_sets_of_labels() -> None:
    predictions = told(["a|b", "b"]).assign(p_a=["0.9", "0.2"], p_b=["0.6", "0.8"])
    said = np.asarray([[0.9, 0.6], [0.2, 0.4]], dtype=np.float32)
    found = compare(predictions, said, ManyLabels(["a", "b"]))
    assert found["flipped"] == [{"path": "y", "evaluated": "b", "exported": ""}]
    assert found["largest_difference"] == 0.4
    with pytest.raises(ExportError, match="the first is y: b became no class"):
        gate(found, 0)
