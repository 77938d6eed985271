"""Parameters and figures side by side."""

import pytest

from graft.apps.compare.changes import Changed, changed_params, direction, figures, side_by_side
from graft.core.params import parse_yaml


def test_only_what_differs_is_told_under_dotted_keys() -> None:
    a = parse_yaml("lr: 1e-3\nsplit: {by: group, seed: 0}\nembed: {layers: [a, b]}\nold: {}\nname: '1'\nnone: null\n")
    b = parse_yaml("lr: 0.003\nsplit: {by: group, seed: 0, test: 0.2}\nembed: {layers: [a]}\nname: 1\nnone: ''\n")
    assert changed_params(a, b) == [
        Changed("embed.layers", '["a", "b"]', '["a"]'),
        Changed("lr", "0.001", "0.003"),
        Changed("name", '"1"', "1"),
        Changed("none", "null", '""'),
        Changed("split.test", "-", "0.2"),
    ]


def test_a_text_and_a_number_are_not_the_same() -> None:
    assert changed_params({"a": "1", "b": True}, {"a": 1, "b": 1}) == [
        Changed("a", '"1"', "1"),
        Changed("b", "true", "1"),
    ]


def test_a_section_that_became_a_value() -> None:
    assert changed_params({"a": {"b": 1}}, {"a": None}) == [Changed("a", "-", "null"), Changed("a.b", "1", "-")]


def test_a_value_that_is_a_dash_is_not_a_lack() -> None:
    assert changed_params({"a": "-"}, {}) == [Changed("a", '"-"', "-")]


def test_nothing_differs() -> None:
    assert changed_params({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2}]}}) == []


def test_figures_stand_side_by_side() -> None:
    found = side_by_side(
        {"accuracy": 0.5, "log_loss": 1.0, "gone": 1.0}, {"accuracy": 0.75, "log_loss": None, "new": 2.0}
    )
    assert [(one.name, one.a, one.b, one.difference) for one in found] == [
        ("accuracy", 0.5, 0.75, 0.25),
        ("log_loss", 1.0, None, None),
        ("new", None, 2.0, None),
        ("gone", 1.0, None, None),
    ]


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("accuracy", 1),
        ("accuracy_low", 0),
        ("exact_match", 1),
        ("exact_match_high", 0),
        ("macro_f1", 1),
        ("mean_average_precision", 1),
        ("error_rate", -1),
        ("calibration_error", -1),
        ("ece", -1),
        ("calibrated.ece", -1),
        ("brier", -1),
        ("brier_score", -1),
        ("log_loss", -1),
        ("hamming_loss", -1),
        ("images", 0),
        ("temperature", 0),
        ("recently", 0),
    ],
)
def test_which_way_is_better(name: str, better: int) -> None:
    assert direction(name) == better


def test_only_numbers_are_figures() -> None:
    tree = {"accuracy": 0.5, "interval": "by group", "f1": None, "ok": True, "by": {"cat": 1}, "list": [1]}
    assert figures(tree) == {"accuracy": 0.5, "f1": None, "by.cat": 1.0}
