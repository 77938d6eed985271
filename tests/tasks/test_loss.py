"""Losses against torch's and torchvision's, and against numbers worked out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.backbone.torchvision_ops import declare_missing
from graft.tasks.base import Shaping, sigmoid_losses, softmax_losses

declare_missing()

from torchvision.ops import sigmoid_focal_loss  # noqa: E402 - needs the declarations

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 0.0, -0.1]])
ONE = torch.tensor([0, 2])
MANY = torch.tensor([[1.0, 0, 1], [0, 0, 0]])


def test_smoothing_spreads_over_the_answers() -> None:
    # a target of 1 becomes 0.9, one of 0 becomes 0.1
    by_hand = F.binary_cross_entropy(torch.sigmoid(LOGITS), MANY * 0.8 + 0.1, reduction="none").sum(1)
    torch.testing.assert_close(sigmoid_losses(LOGITS, MANY, Shaping(smoothing=0.2)), by_hand)
    smoothed = F.cross_entropy(LOGITS, ONE, label_smoothing=0.2)
    torch.testing.assert_close(softmax_losses(LOGITS, ONE, Shaping(smoothing=0.2)).mean(), smoothed)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-9, 9), st.booleans()), min_size=1, max_size=9),
    st.floats(0, 0.5),
    st.sampled_from([0.0, 1.0, 2.0]),
)
def test_one_class_alone_is_the_same_to_both(cases: list[tuple[float, bool]], smoothing: float, focal: float) -> None:
    """Yes or no by one sigmoid is no or yes by a softmax of two, smoothing, focus and weights included."""
    values = torch.tensor([[value] for value, _ in cases], dtype=torch.float64)
    held = torch.tensor([[float(holds)] for _, holds in cases], dtype=torch.float64)
    two = torch.cat([torch.zeros_like(values), values], 1)
    weights = torch.tensor([0.5, 2.0], dtype=torch.float64)
    many = sigmoid_losses(values, held, Shaping(smoothing, focal, weights[:, None]))
    one = softmax_losses(two, held[:, 0].long(), Shaping(smoothing, focal, weights))
    torch.testing.assert_close(many, one, rtol=1e-6, atol=1e-9)


def test_focal_is_that_of_torchvision() -> None:
    wanted = sigmoid_focal_loss(LOGITS, MANY, alpha=-1, gamma=2).sum(1)
    torch.testing.assert_close(sigmoid_losses(LOGITS, MANY, Shaping(focal=2.0)), wanted)


def test_focal_of_a_softmax_by_hand() -> None:
    given_true = torch.softmax(LOGITS, 1)[torch.arange(2), ONE].tolist()
    wanted = [-((1 - p) ** 1.5) * math.log(p) for p in given_true]
    assert softmax_losses(LOGITS, ONE, Shaping(focal=1.5)).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("focal", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_focal_of_certain_answers_has_a_gradient(focal: float, smoothing: float) -> None:
    """In float32 the probability of the truth is 1 here."""
    sure = torch.tensor([[20.0, 0.0], [90.0, 0.0]], requires_grad=True)
    shaping = Shaping(smoothing, focal)
    total = softmax_losses(sure, torch.tensor([0, 0]), shaping).sum()
    total = total + sigmoid_losses(sure, torch.tensor([[1.0, 0], [1, 0]]), shaping).sum()
    total.backward()
    assert sure.grad is not None
    assert torch.isfinite(sure.grad).all()


def test_weights_are_those_of_the_truth() -> None:
    weights = torch.tensor([2.0, 5.0, 0.5])
    plain = softmax_losses(LOGITS, ONE)
    torch.testing.assert_close(softmax_losses(LOGITS, ONE, Shaping(weights=weights)), plain * weights[ONE])
    wanted = F.cross_entropy(LOGITS, ONE, weights, reduction="sum")
    torch.testing.assert_close(softmax_losses(LOGITS, ONE, Shaping(weights=weights)).sum(), wanted)
    pairs = torch.stack([torch.ones(3), weights])
    wanted = F.binary_cross_entropy_with_logits(LOGITS, MANY, pos_weight=weights, reduction="none").sum(1)
    torch.testing.assert_close(sigmoid_losses(LOGITS, MANY, Shaping(weights=pairs)), wanted)
