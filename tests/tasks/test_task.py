"""Each kind of task against its definition, and the two against each other."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from graft.network.head import Description
from graft.tasks import ManyLabels, OneLabel, Task, make_task, task_of

ONE, MANY = OneLabel(["a", "b", "c"]), ManyLabels(["a", "b", "c"])
LOGITS = np.array([[2.0, -1.0, 0.5], [-3.0, 0.0, -0.1]], dtype=np.float32)
TARGETS: dict[str, NDArray[Any]] = {
    "one": np.array([0, 2]),
    "many": np.array([[1, 0, 1], [0, 0, 0]], dtype=np.float32),
}
BOTH = pytest.mark.parametrize(("task", "targets"), [(ONE, TARGETS["one"]), (MANY, TARGETS["many"])], ids=list(TARGETS))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_the_description_says_which() -> None:
    told = Description(
        backbone="x", mean=[0.5], std=[0.5], standardise=False, view=64, layers=[], pools=["mean"], classes=["a", "b"]
    )
    assert task_of(told) == OneLabel(["a", "b"]) == make_task(["a", "b"], multi_label=False)
    assert task_of(told.model_copy(update={"multi_label": True})) == ManyLabels(["a", "b"])
    assert (ONE.multi_label, MANY.multi_label, ONE.answers, MANY.answers) == (False, True, 1, 3)


def test_prior_by_hand() -> None:
    assert ONE.prior(TARGETS["one"]).tolist() == [0.0, 0.0, 0.0]
    # of two pictures one has a and c, none has b
    np.testing.assert_allclose(MANY.prior(TARGETS["many"]), [0.0, math.log(1 / 3), 0.0], rtol=1e-6)
    assert MANY.prior(TARGETS["many"]).dtype == ONE.prior(TARGETS["one"]).dtype == np.float32


def test_losses_by_hand() -> None:
    logits = torch.from_numpy(LOGITS)
    one = ONE.losses(logits, torch.from_numpy(TARGETS["one"]))
    sums = [sum(math.exp(value) for value in row) for row in LOGITS.tolist()]
    assert one.tolist() == pytest.approx([math.log(sums[0]) - 2.0, math.log(sums[1]) + 0.1])
    many = MANY.losses(logits, torch.from_numpy(TARGETS["many"]))
    first = -math.log(sigmoid(2.0)) - math.log(1 - sigmoid(-1.0)) - math.log(sigmoid(0.5))
    second = -sum(math.log(1 - sigmoid(value)) for value in (-3.0, 0.0, -0.1))
    assert many.tolist() == pytest.approx([first, second])


@BOTH
def test_many_penalties_at_once_are_each_alone(task: Task, targets: NDArray[Any]) -> None:
    logits = torch.randn((4, 2, 3), generator=torch.Generator().manual_seed(0))
    wanted = torch.from_numpy(targets)
    expanded = wanted.expand(4, *wanted.shape)
    for place in range(4):
        torch.testing.assert_close(task.losses(logits, expanded)[place], task.losses(logits[place], wanted))
        assert torch.equal(task.right(logits, expanded)[place], task.right(logits[place], wanted))


def test_balance_and_chances_by_hand() -> None:
    one = np.array([0, 0, 0, 2])  # nobody has b
    assert ONE.balance(one).tolist() == pytest.approx([4 / 9, 1, 4 / 3])
    assert ONE.chances(one).tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    many = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=np.float32)
    wanted = [[4 / 2, 4 / 8, 4 / 6], [4 / 6, 1, 4 / 2]]
    assert MANY.balance(many).tolist() == [pytest.approx(row) for row in wanted]
    weights = np.array([2, 2 / 3, 1, 2 / 3])
    assert MANY.chances(many).tolist() == pytest.approx(list(weights / weights.sum()))


def test_balance_is_that_of_scikit_learn() -> None:
    targets = np.random.default_rng(0).choice(3, 50, p=[0.7, 0.2, 0.1])
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=targets)
    np.testing.assert_allclose(ONE.balance(targets), wanted, rtol=1e-6)


@BOTH
def test_graph_and_evaluation_give_the_same_probabilities(task: Task, targets: NDArray[Any]) -> None:
    exact = task.probabilities(LOGITS)
    assert exact.dtype == np.float64
    np.testing.assert_allclose(task.activate(torch.from_numpy(LOGITS)).numpy(), exact, atol=1e-6)
    likelihood = task.log_likelihood(LOGITS.astype(np.float64), targets)
    held = targets > 0 if task.multi_label else np.eye(exact.shape[1], dtype=bool)[targets]
    chances = np.where(held, exact, 1 - exact) if task.multi_label else exact[held]
    np.testing.assert_allclose(np.log(chances).ravel(), likelihood.ravel())
    losses = task.losses(torch.from_numpy(LOGITS), torch.from_numpy(targets))
    np.testing.assert_allclose(-likelihood.reshape(2, -1).sum(1), losses, rtol=1e-5)


def test_likelihood_of_a_sure_mistake_is_finite() -> None:
    sure = np.array([[800.0, -800.0]])
    found = ManyLabels(["a", "b"]).log_likelihood(sure, np.array([[0.0, 1.0]]))
    assert found.tolist() == [[-800.0, -800.0]]


def test_decisions_by_hand() -> None:
    assert ONE.texts(ONE.decide(ONE.probabilities(LOGITS))) == ["a", "b"]
    decided = MANY.decide(MANY.probabilities(LOGITS))
    assert decided.tolist() == [[1, 0, 1], [0, 1, 0]]  # a logit of 0 is a chance of one half, which is enough
    assert MANY.texts(decided) == ["a|c", "b"]
    assert MANY.texts(TARGETS["many"]) == ["a|c", ""]
    assert [MANY.names(text) for text in ("a|c", "b", "")] == [["a", "c"], ["b"], []]
    assert ONE.names("a|c") == ["a|c"]
    for right in (MANY.right(LOGITS, TARGETS["many"]), ONE.right(LOGITS, TARGETS["one"])):
        assert right.tolist() == [True, False]


def test_figures_by_hand() -> None:
    assert ONE.figures(LOGITS, TARGETS["one"]) == {"accuracy": 0.5}
    # a and c are ranked rightly, b holds nowhere
    assert MANY.figures(LOGITS, TARGETS["many"]) == {"mean_average_precision": 1.0, "exact_match": 0.5}
    nothing = MANY.figures(LOGITS, np.zeros((2, 3)))
    assert nothing == {"mean_average_precision": 0.0, "exact_match": 0.0}
