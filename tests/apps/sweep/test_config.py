from pathlib import Path

import pytest

from graft.apps.sweep.config import Range, Sweep, read_sweep, value_of, with_value
from graft.core import params
from graft.core.errors import ParamsError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def values() -> params.Values:
    return params.load(ROOT / "params.yaml")


def read(folder: Path, text: str, values: params.Values) -> Sweep:
    file = folder / "sweep.yaml"
    file.write_text(text)
    return read_sweep(file, values)


def test_values_and_ranges_are_read(tmp_path: Path, values: params.Values) -> None:
    text = "params:\n  lr: {low: 3e-4, high: 1e-2, log: true}\n  finetune.freeze: [[], [conv_stem]]\n"
    sweep = read(tmp_path, text, values)
    assert sweep.params == {"lr": Range(low=0.0003, high=0.01, log=True), "finetune.freeze": [[], ["conv_stem"]]}
    assert sweep.trials == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params: {seed: [1, 2]}", "seed cannot be swept: the best of several seeds is luck"),
        ("params: {split.seed: [1, 2]}", "split.seed cannot be swept: trials on other images of valid"),
        ("params: {labels.min_images: [1, 2]}", "labels.min_images cannot be swept"),
        ("params: {evaluate.interpret: [[test], [test, valid]]}", "the sweep sets it itself"),
        ("params: {lr: [0.1, -0.1]}", "lr: "),
        ("params: {finetune.epoch: [1, 2]}", r"finetune.epoch: .*epochs"),
        ("params: {fintune.epochs: [1, 2]}", r"unknown key 'fintune.epochs' \(did you mean 'finetune'\?\)"),
        ("params: {lr: {low: 0.1, high: 0.01}}", "low must be below high; got 0.1 and 0.01"),
        ("params: {lr: {low: 0.0, high: 0.01, log: true}}", "begins above 0"),
        ("params: {lr: [0.1]}", "a list needs two values or more"),
        ("params: {lr: [0.1, 0.1]}", "each once"),
        ("trials: 3", "params: .*missing|params: .*required"),
        ("params: {lr: [0.1, 0.2]}\ntrials: 0", "trials: "),
        ("params: [", "not valid YAML"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, values: params.Values, text: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        read(tmp_path, text, values)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, values: params.Values) -> None:
    with pytest.raises(ParamsError, match=r"sweep\.yaml: .*No such file"):
        read_sweep(tmp_path / "sweep.yaml", values)


def test_ranges_hold_whole_numbers_only_where_both_ends_are_whole() -> None:
    whole, real = Range(low=1, high=4), Range(low=1.0, high=4)
    assert [whole.holds(value) for value in (1, 4, 5, 2.5, True)] == [True, True, False, False, False]
    assert [real.holds(value) for value in (1, 2.5, 4.1)] == [True, True, False]


def test_drawn_numbers_are_short_and_stay_within() -> None:
    assert Range(low=0.0, high=1.0).shortened(0.123456) == 0.1235
    assert Range(low=0.0, high=0.12341).shortened(0.123409) == 0.1234
    assert Range(low=0.0, high=0.99996).shortened(0.999959) == 0.99996  # 1.0 would lie outside


def test_combinations_are_counted_where_they_can_be() -> None:
    sweep = Sweep(params={"finetune.epochs": Range(low=1, high=3), "augment.strength": ["none", "light"]})
    found = sweep.combinations(6)
    assert found is not None
    assert len(found) == 6
    assert {"finetune.epochs": 3, "augment.strength": "light"} in found
    assert sweep.combinations(5) is None
    assert Sweep(params={"lr": Range(low=0.1, high=0.2)}).combinations(100) is None


def test_values_are_set_in_a_copy_and_defaults_are_found(values: params.Values) -> None:
    changed = with_value(values, "finetune.epochs", 99)
    assert value_of(changed, "finetune.epochs") == 99
    assert value_of(values, "finetune.epochs") != 99
    assert "most_confused" not in values["evaluate"]
    assert value_of(values, "evaluate.most_confused") == 1
    assert value_of(values, "lr") == values["lr"]
