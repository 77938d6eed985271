"""The loss that is worked out line by line is the one that a person gets with a pocket calculator."""

import math

import numpy as np

from graft.apps.summary.worked_loss import work_out
from graft.tasks import LossOptions, MultiLabel, SingleLabel


def test_softmax_and_minus_log_of_the_target() -> None:
    logits = np.array([[math.log(6), math.log(2)], [0, math.log(3)]], dtype=np.float32)
    lines = list(work_out(SingleLabel(["cat", "dog"]), ["a", "b"], logits, np.array([0, 0]), LossOptions()))
    assert [line.split() for line in lines[:4]] == [
        ["a,", "whose", "target", "is", "0", "(cat):"],
        ["class", "logit", "softmax", "exp"],
        ["*", "0", "cat", "1.792", "0.7500", "6"],
        ["1", "dog", "0.693", "0.2500", "2"],
    ]
    assert lines[4:] == [
        "  * the target; sum of exp: 8",
        "  softmax = exp / sum: 6 / 8 = 0.7500; -ln 0.7500 = 0.2877",
        "each image: a 0.2877, b 1.3863",  # -ln 3/4 and -ln 1/4
        "loss of the batch, their mean: 0.8370 nats",
        "a blind guess costs ln 2 = 0.6931",
    ]


def test_the_loss_of_training_is_named_where_it_differs() -> None:
    logits, targets = np.array([[math.log(3), 0]], dtype=np.float32), np.array([0])
    lines = list(work_out(SingleLabel(["cat", "dog"]), ["a"], logits, targets, LossOptions(label_smoothing=0.2)))
    expected = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)  # a fifth is spread over both
    assert lines[-1] == f"training brings down {expected:.4f}: the same with label_smoothing 0.2"


def test_of_many_classes_the_target_and_the_highest_are_shown() -> None:
    classes = [f"c{number}" for number in range(37)]
    logits = np.zeros((1, 37), dtype=np.float32)
    logits[0, 30:] = 1
    lines = list(work_out(SingleLabel(classes), ["a"], logits, np.array([3]), LossOptions()))
    assert [line.split()[-4] for line in lines[2:8]] == ["c3", "c30", "c31", "c32", "c33", "c34"]
    assert lines[8].startswith("  and 31 more; * the target; sum of exp: 49.03")  # 30 + 7 e
    assert "a blind guess costs ln 37 = 3.6109" in lines


def test_several_labels_are_each_a_yes_or_no() -> None:
    logits = np.array([[math.log(4), 0, -math.log(3)]], dtype=np.float32)  # probabilities 4/5, 1/2, 1/4
    lines = list(
        work_out(MultiLabel(["cat", "dog", "sofa"]), ["a"], logits, np.array([[1, 0, 1]], np.float32), LossOptions())
    )
    assert lines[0] == "a, whose target is [1 0 1] (cat, sofa):"
    assert [line.split()[-3:] for line in lines[2:5]] == [
        ["1.386", "0.8000", "0.2231"],
        ["0.000", "0.5000", "0.6931"],
        ["-1.099", "0.2500", "1.386"],
    ]
    total = -math.log(0.8 * 0.5 * 0.25)
    assert lines[5].endswith(f"sum of -ln: {total:.4f}")
    assert f"loss of the batch, their mean: {total / 3:.4f} nats" in lines
    assert "a blind guess costs ln 2 = 0.6931" in lines
