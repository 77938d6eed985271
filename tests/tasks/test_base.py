"""Each kind of task against its definition, and the two against each other."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.utils.class_weight import compute_class_weight

from graft.backbone.torchvision_models import declare_missing
from graft.network.head import Description
from graft.tasks import Decision, LossOptions, MultiLabel, SingleLabel, Task, make_task, task_of

declare_missing()

from torchvision.ops import sigmoid_focal_loss  # noqa: E402 - needs the declarations

ONE, MANY = SingleLabel(["a", "b", "c"]), MultiLabel(["a", "b", "c"])
LOGITS = np.array([[2.0, -1.0, 0.5], [-3.0, 0.0, -0.1]], dtype=np.float32)
TARGETS: dict[str, NDArray[Any]] = {"one": np.array([0, 2]), "many": np.array([[1, 0, 1], [0, 0, 0]], dtype=np.float32)}
BOTH = pytest.mark.parametrize(("task", "targets"), [(ONE, TARGETS["one"]), (MANY, TARGETS["many"])], ids=list(TARGETS))
TENSOR, INDEX, HELD = (torch.from_numpy(values) for values in (LOGITS, *TARGETS.values()))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_the_description_says_which() -> None:
    description = Description(
        backbone="x", mean=[0.5], std=[0.5], standardise=False, size=64, layers=[], pools=["mean"], classes=["a", "b"]
    )
    assert task_of(description) == SingleLabel(["a", "b"]) == make_task(["a", "b"], multi_label=False)
    assert task_of(description.model_copy(update={"multi_label": True})) == MultiLabel(["a", "b"])
    assert (ONE.multi_label, MANY.multi_label, ONE.loss_terms, MANY.loss_terms) == (False, True, 1, 3)


def test_prior_by_hand() -> None:
    assert ONE.prior_logits(TARGETS["one"]).tolist() == [0.0, 0.0, 0.0]
    # of two images one has a and c, none has b
    np.testing.assert_allclose(MANY.prior_logits(TARGETS["many"]), [0.0, math.log(1 / 3), 0.0], rtol=1e-6)
    assert MANY.prior_logits(TARGETS["many"]).dtype == ONE.prior_logits(TARGETS["one"]).dtype == np.float32


def test_losses_by_hand() -> None:
    one = ONE.losses(TENSOR, INDEX)
    sums = [sum(math.exp(value) for value in row) for row in LOGITS.tolist()]
    assert one.tolist() == pytest.approx([math.log(sums[0]) - 2.0, math.log(sums[1]) + 0.1])
    many = MANY.losses(TENSOR, HELD)
    first = -math.log(sigmoid(2.0)) - math.log(1 - sigmoid(-1.0)) - math.log(sigmoid(0.5))
    second = -sum(math.log(1 - sigmoid(value)) for value in (-3.0, 0.0, -0.1))
    assert many.tolist() == pytest.approx([first, second])


@BOTH
def test_many_penalties_at_once_are_each_alone(task: Task, targets: NDArray[Any]) -> None:
    logits = torch.randn((4, 2, 3), generator=torch.Generator().manual_seed(0))
    wanted = torch.from_numpy(targets)
    expanded = wanted.expand(4, *wanted.shape)
    for index in range(4):
        torch.testing.assert_close(task.losses(logits, expanded)[index], task.losses(logits[index], wanted))
        assert torch.equal(task.correct(logits, expanded)[index], task.correct(logits[index], wanted))


def test_smoothing_spreads_over_the_answers() -> None:
    # a target of 1 becomes 0.9, one of 0 becomes 0.1
    by_hand = F.binary_cross_entropy(torch.sigmoid(TENSOR), HELD * 0.8 + 0.1, reduction="none").sum(1)
    torch.testing.assert_close(MANY.losses(TENSOR, HELD, LossOptions(label_smoothing=0.2)), by_hand)
    smoothed = F.cross_entropy(TENSOR, INDEX, label_smoothing=0.2)
    torch.testing.assert_close(ONE.losses(TENSOR, INDEX, LossOptions(label_smoothing=0.2)).mean(), smoothed)


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
    many = MultiLabel(["yes"]).losses(values, held, LossOptions(smoothing, focal, weights[:, None]))
    one = SingleLabel(["no", "yes"]).losses(two, held[:, 0].long(), LossOptions(smoothing, focal, weights))
    torch.testing.assert_close(many, one, rtol=1e-6, atol=1e-9)


def test_focal_is_that_of_torchvision() -> None:
    wanted = sigmoid_focal_loss(TENSOR, HELD, alpha=-1, gamma=2).sum(1)
    torch.testing.assert_close(MANY.losses(TENSOR, HELD, LossOptions(focal=2.0)), wanted)


def test_focal_of_a_softmax_by_hand() -> None:
    truth = torch.softmax(TENSOR, 1)[torch.arange(2), INDEX].tolist()
    wanted = [-((1 - p) ** 1.5) * math.log(p) for p in truth]
    assert ONE.losses(TENSOR, INDEX, LossOptions(focal=1.5)).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("focal", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_focal_of_certain_answers_has_a_gradient(focal: float, smoothing: float) -> None:
    """In float32 the probability of the truth is 1 here."""
    sure = torch.tensor([[20.0, 0.0], [90.0, 0.0]], requires_grad=True)
    options = LossOptions(smoothing, focal)
    total = ONE.losses(sure, torch.tensor([0, 0]), options).sum()
    total = total + MANY.losses(sure, torch.tensor([[1.0, 0], [1, 0]]), options).sum()
    total.backward()
    assert sure.grad is not None
    assert torch.isfinite(sure.grad).all()


def test_weights_are_those_of_the_truth() -> None:
    weights = torch.tensor([2.0, 5.0, 0.5])
    weighted = ONE.losses(TENSOR, INDEX, LossOptions(class_weights=weights))
    torch.testing.assert_close(weighted, ONE.losses(TENSOR, INDEX) * weights[INDEX])
    torch.testing.assert_close(weighted.sum(), F.cross_entropy(TENSOR, INDEX, weights, reduction="sum"))
    pairs = torch.stack([torch.ones(3), weights])
    wanted = F.binary_cross_entropy_with_logits(TENSOR, HELD, pos_weight=weights, reduction="none").sum(1)
    torch.testing.assert_close(MANY.losses(TENSOR, HELD, LossOptions(class_weights=pairs)), wanted)


def test_class_and_sampling_weights_by_hand() -> None:
    one = np.array([0, 0, 0, 2])  # nobody has b
    assert ONE.class_weights(one).tolist() == pytest.approx([4 / 9, 1, 4 / 3])
    assert ONE.sampling_weights(one).tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    many = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=np.float32)
    wanted = [[4 / 2, 4 / 8, 4 / 6], [4 / 6, 1, 4 / 2]]
    assert MANY.class_weights(many).tolist() == [pytest.approx(row) for row in wanted]
    weights = np.array([2, 2 / 3, 1, 2 / 3])
    assert MANY.sampling_weights(many).tolist() == pytest.approx(list(weights / weights.sum()))


def test_class_weights_are_those_of_scikit_learn() -> None:
    targets = np.random.default_rng(0).choice(3, 50, p=[0.7, 0.2, 0.1])
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(ONE.class_weights(targets), wanted, rtol=1e-6)


@BOTH
def test_graph_and_evaluation_give_the_same_probabilities(task: Task, targets: NDArray[Any]) -> None:
    exact = task.probabilities(LOGITS)
    assert exact.dtype == np.float64
    np.testing.assert_allclose(task.activate(TENSOR).numpy(), exact, atol=1e-6)
    likelihood = task.log_likelihood(LOGITS.astype(np.float64), targets)
    held = targets > 0 if task.multi_label else np.eye(exact.shape[1], dtype=bool)[targets]
    truth = np.where(held, exact, 1 - exact) if task.multi_label else exact[held]
    np.testing.assert_allclose(np.log(truth).ravel(), likelihood.ravel())
    losses = task.losses(TENSOR, torch.from_numpy(targets))
    np.testing.assert_allclose(-likelihood.reshape(2, -1).sum(1), losses, rtol=1e-5)


def test_likelihood_of_a_sure_mistake_is_finite() -> None:
    sure = np.array([[800.0, -800.0]])
    assert MANY.log_likelihood(sure, np.array([[0.0, 1.0]])).tolist() == [[-800.0, -800.0]]


def test_decisions_by_hand() -> None:
    assert ONE.format_labels(ONE.decide(ONE.probabilities(LOGITS))) == ["a", "b"]
    decided = MANY.decide(MANY.probabilities(LOGITS))
    assert decided.tolist() == [[1, 0, 1], [0, 1, 0]]  # a logit of 0 is a probability of one half, which is enough
    assert MANY.format_labels(decided) == ["a|c", "b"]
    assert MANY.format_labels(TARGETS["many"]) == ["a|c", ""]
    assert [MANY.parse_labels(text) for text in ("a|c", "b", "")] == [["a", "c"], ["b"], []]
    assert ONE.parse_labels("a|c") == ["a|c"]
    for correct in (MANY.correct(LOGITS, TARGETS["many"]), ONE.correct(LOGITS, TARGETS["one"])):
        assert correct.tolist() == [True, False]


def test_confidences_by_hand() -> None:
    probabilities = np.array([[0.2, 0.7, 0.1], [0.6, 0.1, 0.3]])
    confidence, holds = ONE.confidences(probabilities, np.array([1, 2]))
    assert (confidence.tolist(), holds.tolist()) == ([0.7, 0.6], [True, False])
    confidence, holds = MANY.confidences(probabilities, TARGETS["many"])
    assert confidence.tolist() == probabilities.ravel().tolist()
    assert holds.tolist() == [True, False, True, False, False, False]


def test_the_task_among_the_classes_that_can_be_learnt() -> None:
    one, many = np.array([2, 0, 2]), np.array([[1, 0, 1], [1, 1, 0]], dtype=np.float32)
    assert ONE.learnable(one).tolist() == [True, False, True]
    part, targets = ONE.restrict(one, ONE.learnable(one))
    assert (part, targets.tolist()) == (SingleLabel(["a", "c"]), [1, 0, 1])
    assert MANY.learnable(many).tolist() == [False, True, True]  # every image has a
    columns, targets = MANY.restrict(many, MANY.learnable(many))
    assert (columns, targets.tolist()) == (MultiLabel(["b", "c"]), [[0, 1], [1, 0]])


def test_metrics_by_hand() -> None:
    assert ONE.metrics(LOGITS, TARGETS["one"]) == {"accuracy": 0.5}
    # a and c are ranked perfectly, b holds nowhere
    assert MANY.metrics(LOGITS, TARGETS["many"]) == {"mean_average_precision": 1.0, "exact_match": 0.5}
    nothing = MANY.metrics(LOGITS, np.zeros((2, 3)))
    assert nothing == {"mean_average_precision": 0.0, "exact_match": 0.0}


def test_a_decision_is_read_as_it_was_written(tmp_path: Path) -> None:
    decision = Decision(tta=["none", "both"], temperature=1.25, abstain_below=0.75)
    decision.write(tmp_path)
    assert Decision.read(tmp_path) == decision
    assert Decision() == Decision(tta=["none"], temperature=1.0, abstain_below=None)


def test_a_decision_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    (tmp_path / "decision.json").write_text('{"temperature": "hot"}')
    with pytest.raises(ValidationError, match="temperature"):
        Decision.read(tmp_path)
