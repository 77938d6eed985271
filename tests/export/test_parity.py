"""Parity counts the pictures that a bundle answers otherwise, and refuses too many."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
import torch

from graft.core.errors import ExportError
from graft.evaluate import abstention
from graft.evaluate.config import Abstain, Evaluate
from graft.evaluate.decision import Logits, decide
from graft.evaluate.evaluation import Evaluation
from graft.export.parity import compare, gate
from graft.predict.bundle import Facts
from graft.predict.prediction import decide as said
from graft.tasks import ManyLabels, OneLabel


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
    predictions = told(["a", "b"]).assign(sure="yes")
    assert compare(predictions, said, OneLabel(["a", "b"]), 0.6)["flips"] == 0
    found = compare(predictions, said, OneLabel(["a", "b"]), 0.75)
    assert found["flipped"] == [{"path": "y", "evaluated": "b", "exported": "not sure"}]
    assert found["right"] == 1


def test_sure_means_the_same_to_evaluate_and_to_the_bundle() -> None:
    """Confidences of a saturated network, which six digits round to 1, and the threshold among them."""
    task, generator = OneLabel(["a", "b"]), np.random.default_rng(0)
    margin = generator.uniform(8, 18, 400)
    logits = np.stack([margin, np.zeros(400)], axis=1).astype(np.float32)
    targets = (generator.random(400) < 0.02).astype(np.int64)
    config = Evaluate(calibrate=False, abstain=Abstain(coverage=0.5))
    decision = decide(task, Logits(logits[:200], targets[:200]), config)
    below = decision.abstain_below
    assert below is not None
    rows = pd.DataFrame({"path": [f"{place:03}" for place in range(200)], "group": ""})
    rows["label"] = task.texts(targets[200:])
    evaluation = Evaluation(rows, task, logits[200:], logits[200:], decision)
    served = torch.softmax(torch.from_numpy(logits[200:]), 1).numpy()
    answered = abstention.answered(evaluation.network.max(1), evaluation.targets == 0, rows["group"], below)
    facts = SimpleNamespace(classes=task.classes, multi_label=False, abstain_below=below)
    assert answered["coverage"] == np.mean([said(row, cast("Facts", facts)).sure for row in served])
    assert 0 < answered["coverage"] < 1
    assert compare(evaluation.predictions.astype(str), served, task, below)["flips"] == 0


def test_a_share_of_the_images_may_flip() -> None:
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
