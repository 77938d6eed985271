"""An evaluation writes every table and a record that is read again, the same bytes each time."""

import dataclasses
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.core import tables
from graft.evaluate.evaluation import Evaluation, read_lineage, read_predictions, write_evaluations, write_lineage
from graft.evaluate.metrics import UNDEFINED
from graft.evaluate.multi_label import MultiLabelMetrics
from graft.evaluate.record import Record, read_record
from graft.stats.intervals import wilson
from graft.stats.paired import tango
from graft.tasks import Decision, MultiLabel, SingleLabel

BOTH = [
    "classes.csv",
    "confusion.csv",
    "decision.json",
    "figures.csv",
    "metrics.json",
    "predictions.csv",
    "record.json",
    "reliability.csv",
    "slices.csv",
]
FILES = sorted([*BOTH, "confused.csv", "coverage.csv"])


def evaluation(decision: Decision | None = None, **columns: list[str]) -> Evaluation:
    """Four pictures of two classes out of three; the fine-tuned network has one wrong, the head two."""
    rows = {"path": list("abcd"), "label": ["cat", "cat", "dog", "dog"], "group": [""] * 4, "split": ["test"] * 4}
    network = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    head = np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.8, 0.1, 0.1]])
    frame, task = pd.DataFrame(rows | columns, dtype=str), SingleLabel(["cat", "dog", "owl"])
    return Evaluation(
        frame, task, np.log(network).astype(np.float32), np.log(head).astype(np.float32), decision or Decision()
    )


def write(folder: Path, **columns: list[str]) -> Record:
    """Write an evaluation into a new folder."""
    folder.mkdir()
    return write_evaluations(folder, {"test": evaluation(None, **columns)})


def test_targets_follow_the_classes() -> None:
    assert evaluation().targets.tolist() == [0, 0, 1, 1]


def test_metrics_by_hand(tmp_path: Path) -> None:
    write(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert list(told) == ["test", "head", "finetuned", "majority", "interval", "kept", "difference"]
    assert list(told["test"]) == [
        "images",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "balanced_accuracy",
        "macro_f1",
        "log_loss",
        "ece",
    ]
    beside = ["accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss"]
    assert list(told["head"]) == list(told["finetuned"]) == beside
    assert (told["test"]["accuracy"], told["head"]["accuracy"], told["interval"]) == (0.75, 0.5, "Wilson")
    assert (told["finetuned"]["accuracy"], told["kept"]) == (0.75, "finetuned")
    # three of four right, each said with 0.8
    assert told["test"]["ece"] == pytest.approx(0.05, abs=1e-6)
    assert told["test"]["balanced_accuracy"] == 0.75
    assert told["majority"] == {"accuracy": 0.5}
    # cat: precision 1, recall 1/2; dog: precision 2/3, recall 1; owl does not count
    assert told["test"]["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_tables_by_hand(tmp_path: Path) -> None:
    record = write(tmp_path / "out", kind=["m", "m", "p", "p"])
    out = tmp_path / "out"
    assert sorted(file.name for file in out.iterdir()) == FILES
    assert (out / "classes.csv").read_text().splitlines() == [
        "class,precision,recall,f1,roc_auc,average_precision,images",
        "cat,1.0,0.5,0.666667,0.75,0.75,2",
        "dog,0.666667,1.0,0.8,0.75,0.666667,2",
        "owl,,,,,,0",
    ]
    slices = tables.read(out / "slices.csv")
    assert slices[["slice", "images", "accuracy"]].to_numpy().tolist() == [
        ["kind=m", "2", "0.5"],
        ["kind=p", "2", "1.0"],
    ]
    predictions = tables.read(out / "predictions.csv")
    assert predictions[["path", "label", "predicted"]].to_numpy().tolist() == [
        ["a", "cat", "cat"],
        ["b", "cat", "dog"],
        ["c", "dog", "dog"],
        ["d", "dog", "dog"],
    ]
    assert record.scores.undefined == {f"owl.{figure}": why for figure, why in UNDEFINED.items()}


def test_every_figure_stands_with_its_interval_and_those_of_both_networks(tmp_path: Path) -> None:
    write(tmp_path / "out")
    figures = tables.read(tmp_path / "out" / "figures.csv").set_index("figure")
    accuracy = figures.to_dict("index")["accuracy"]
    assert (accuracy["value"], accuracy["finetuned_value"], accuracy["head_value"]) == ("0.75", "0.75", "0.5")
    assert accuracy["low"] == accuracy["finetuned_low"] != accuracy["head_low"]
    assert float(accuracy["low"]) < 0.75 < float(accuracy["high"])
    assert figures.loc["ece", "low"] == ""
    assert "top_5_accuracy" not in figures.index


def test_what_may_be_not_sure_is_measured(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    wary = evaluation(Decision(abstain_below=0.9, temperature=0.5))
    record = write_evaluations(tmp_path / "out", {"test": wary})
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())
    # at half the temperature 0.8, 0.1, 0.1 become 64, 1, 1 of 66
    assert told["answered"]["coverage"] == 1
    assert record.answered is not None
    assert (told["answered"]["accuracy"], record.answered.accuracy) == (0.75, 0.75)
    assert tables.read(tmp_path / "out" / "predictions.csv")["p_cat"].tolist()[0] == "0.969697"
    assert record.calibration_error["before"] == pytest.approx(0.05, abs=1e-6)
    assert record.calibration_error["after"] == pytest.approx(0.969697 - 0.75, abs=1e-5)


def test_without_slices_the_table_of_slices_is_empty(tmp_path: Path) -> None:
    assert write(tmp_path / "out").slices == {}
    assert (tmp_path / "out" / "slices.csv").read_text() == "slice\n"


def test_twice_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, kind=["m", "m", "p", "p"])
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def several() -> Evaluation:
    """Four pictures with any number of two classes, two of a kind; the network has one wrong."""
    rows = {"path": list("abcd"), "labels": ["clear|haze", "", "haze", "haze"], "group": [""] * 4}
    network = np.array([[0.9, 0.9], [0.2, 0.1], [0.1, 0.7], [0.6, 0.8]])
    frame = pd.DataFrame(rows | {"split": ["test"] * 4, "kind": ["m", "m", "p", "p"]}, dtype=str)
    logits = np.log(network / (1 - network)).astype(np.float32)
    return Evaluation(frame, MultiLabel(["clear", "haze"]), logits, np.full((4, 2), -0.4, dtype=np.float32), Decision())


def test_several_labels_by_hand(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_evaluations(tmp_path / name, {"test": several()})
    out = tmp_path / "one"
    assert sorted(file.name for file in out.iterdir()) == BOTH
    assert all((out / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in BOTH)
    told = json.loads((out / "metrics.json").read_text())
    assert list(told) == ["test", "head", "finetuned", "majority", "interval", "kept", "difference"]
    assert list(told["test"]) == list(MultiLabelMetrics.headline)
    assert (told["test"]["exact_match"], told["test"]["hamming_loss"]) == (0.75, 0.125)
    # most pictures have haze and no clear: right for two of four; the head never names a class, right for one
    assert (told["majority"]["exact_match"], told["head"]["exact_match"]) == (0.5, 0.25)
    assert tables.read(out / "slices.csv")[["slice", "exact_match"]].to_numpy().tolist() == [
        ["kind=m", "1.0"],
        ["kind=p", "0.5"],
    ]
    assert (out / "classes.csv").read_text().splitlines() == [
        "class,precision,recall,f1,roc_auc,average_precision,images",
        "clear,0.5,1.0,0.666667,1.0,1.0,1",
        "haze,1.0,1.0,1.0,1.0,1.0,3",
    ]
    predictions = tables.read(out / "predictions.csv")
    assert predictions["label"].tolist() == ["clear|haze", "", "haze", "haze"]
    assert predictions["predicted"].tolist() == ["clear|haze", "", "haze", "clear|haze"]
    # dvc plots asks for the table all the same
    assert (out / "confusion.csv").read_text() == "actual,predicted,images,share\n"


def test_ten_classes_one_absent_most_of_one_image_all_wrong(tmp_path: Path) -> None:
    """Numbers or None with a reason, down to the files; never a crash, never a silent 0."""
    classes = [f"c{place}" for place in range(10)]
    labels = [*classes[:8], "c0", "c1", "c2"]  # c8 and c9 have no picture; c3 to c7 have one
    rows = pd.DataFrame(
        {"path": [f"{number:02}" for number in range(len(labels))], "label": labels, "group": "", "split": "test"},
        dtype=str,
    )
    wrong = np.array([(classes.index(name) + 1) % 10 for name in labels])
    logits = (8 * np.eye(10, dtype=np.float32))[wrong]
    (tmp_path / "out").mkdir()
    head = np.full((len(labels), 10), 0.1, dtype=np.float32)
    tests = {"test": Evaluation(rows, SingleLabel(classes), logits, head, Decision())}
    test = write_evaluations(tmp_path / "out", tests).scores
    names = ("accuracy", "accuracy_low", "balanced_accuracy", "macro_f1")
    assert [test.figures[name] for name in names] == [0, 0, 0, 0]
    high = test.figures["accuracy_high"]
    assert high is not None
    assert 0.2 < high < 0.4
    # nothing is correct in any draw: that is no certainty, so there is no interval
    assert test.figures["balanced_accuracy_low"] is None
    assert test.undefined["c9.recall"] == "no image in this split has it"
    assert test.undefined["c0.precision"] == "never predicted"
    last = tables.read(tmp_path / "out" / "classes.csv").set_index("class").to_dict("index")["c9"]
    assert (last["recall"], last["roc_auc"], last["average_precision"], last["images"]) == ("", "", "", "0")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["test"]["macro_f1"] == 0


def test_predictions_by_hand() -> None:
    table = evaluation().predictions
    assert table.columns.tolist() == ["path", "label", "predicted", "loss", "p_cat", "p_dog", "p_owl"]
    assert table[["label", "predicted"]].to_numpy().tolist() == [["cat", "cat"], ["cat", "dog"], *[["dog", "dog"]] * 2]
    assert table["loss"].tolist() == [0.223144, 2.302585, 0.223144, 0.223144]  # six digits
    assert table.iloc[0, 4:].tolist() == [0.8, 0.1, 0.1]


def test_of_equal_probabilities_the_first_class_is_predicted() -> None:
    rows = pd.DataFrame({"path": ["a"], "label": ["cat"], "group": ""}, dtype=str)
    logits = np.array([[0, 1, 1]], dtype=np.float32)
    tied = Evaluation(rows, SingleLabel(["cat", "dog", "owl"]), logits, logits, Decision())
    assert tied.predictions["predicted"].tolist() == ["dog"]


@pytest.mark.parametrize("abstain", [None, 0.9])
def test_what_is_written_is_read_again(tmp_path: Path, abstain: float | None) -> None:
    written = evaluation(Decision(abstain_below=abstain), kind=["m", "m", "p", "p"])
    record = written.write(tmp_path)
    found = read_record(tmp_path)
    assert found.scores.figures == pytest.approx(record.scores.figures, rel=1e-8)
    assert (found.slices.keys(), found.mistakes, found.scores.undefined) == (
        record.slices.keys(),
        1,
        record.scores.undefined,
    )
    pd.testing.assert_frame_equal(read_predictions(tmp_path), written.predictions, check_dtype=False)


def test_the_network_that_is_kept_is_the_one_of_test(tmp_path: Path) -> None:
    swapped = dataclasses.replace(evaluation(), kept="head")
    record = write_evaluations(tmp_path, {"test": swapped})
    told = json.loads((tmp_path / "metrics.json").read_text())
    assert list(told)[:3] == ["test", "head", "finetuned"]
    # what the fine-tuned one and the head answered is turned round, and so is the difference
    assert (told["test"]["accuracy"], told["head"]["accuracy"], told["finetuned"]["accuracy"]) == (0.75, 0.75, 0.5)
    assert (told["kept"], told["difference"]["accuracy"], record.mistakes) == ("head", -0.25, 1)
    figures = tables.read(tmp_path / "figures.csv").set_index("figure").to_dict("index")["accuracy"]
    assert (figures["value"], figures["head_value"], figures["finetuned_value"]) == ("0.75", "0.75", "0.5")


def test_fine_tuning_less_the_head_is_taken_image_by_image(tmp_path: Path) -> None:
    difference = write(tmp_path / "alone").difference
    assert difference is not None
    # one is lost, two are gained, of four
    assert (difference.value, difference.low, difference.high) == pytest.approx(
        (0.25, tango(2, 1, 4).low, tango(2, 1, 4).high)
    )
    grouped = write(tmp_path / "grouped", group=["g"] * 4).difference
    assert grouped is not None
    assert not grouped.is_known
    told = json.loads((tmp_path / "grouped/metrics.json").read_text())["difference"]
    assert told == {"accuracy": 0.25, "accuracy_low": None, "accuracy_high": None}


def test_where_nothing_was_fine_tuned_there_is_the_head_alone(tmp_path: Path) -> None:
    alone = dataclasses.replace(evaluation(), other=None, kept="head")
    record = write_evaluations(tmp_path, {"test": alone})
    assert (list(record.networks), record.difference) == (["head"], None)
    assert list(json.loads((tmp_path / "metrics.json").read_text())) == [
        *("test", "head", "majority", "interval", "kept")
    ]
    assert set(tables.read(tmp_path / "figures.csv")["finetuned_value"]) == {""}
    assert record.headline("accuracy") == "accuracy: the head 0.7500 (0.3006 to 0.9544); handed on: the head"


def test_valid_is_written_beside_test(tmp_path: Path) -> None:
    rows = evaluation().rows
    valid = dataclasses.replace(
        evaluation(), rows=rows.assign(path=list("efgh"), label=["dog", "dog", "cat", "cat"], split="valid")
    )
    record = write_evaluations(tmp_path, {"valid": valid, "test": evaluation()})
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*FILES, "valid"])
    assert sorted(file.name for file in (tmp_path / "valid").iterdir()) == [
        name for name in FILES if name not in ("metrics.json", "decision.json")
    ]
    assert (record.scores.figures["accuracy"], read_record(tmp_path / "valid").scores.figures["accuracy"]) == (
        0.75,
        0.25,
    )
    assert read_predictions(tmp_path / "valid")["path"].tolist() == list("efgh")
    assert json.loads((tmp_path / "metrics.json").read_text())["test"]["accuracy"] == 0.75


def test_a_headline_has_both_networks_and_intervals(tmp_path: Path) -> None:
    assert write(tmp_path / "one").headline("accuracy") == (
        "accuracy: the head 0.5000 (0.1500 to 0.8500), fine-tuned 0.7500 (0.3006 to 0.9544), "
        "difference +0.2500 (-0.5047 to +0.7783); handed on: fine-tuned"
    )
    grouped = write(tmp_path / "two", group=["g"] * 4)
    assert grouped.headline("accuracy") == (
        "accuracy: the head 0.5000 (one group, so no interval), fine-tuned 0.7500 (one group, so no interval); "
        "handed on: fine-tuned"
    )


def test_there_is_one_log_loss_however_sure_the_mistake(tmp_path: Path) -> None:
    rows = pd.DataFrame({"path": list("abcd"), "label": ["cat", "cat", "dog", "dog"], "group": ""}, dtype=str)
    logits = np.array([[200, 0], [0, 200], [0, 60], [35, 0]], dtype=np.float32)
    sure = Evaluation(rows, SingleLabel(["cat", "dog"]), logits, logits, Decision(temperature=2.0))
    write_evaluations(tmp_path, {"test": sure})
    told = json.loads((tmp_path / "metrics.json").read_text())
    losses = pd.read_csv(tmp_path / "predictions.csv")["loss"]
    assert losses.tolist() == pytest.approx([0, 100, 0, 17.5], abs=1e-6)
    assert told["test"]["log_loss"] == pytest.approx(losses.mean(), abs=1e-6)
    assert told["head"]["log_loss"] == pytest.approx(235 / 4)


def sliced(folder: Path, correct: list[bool], **columns: list[str]) -> Record:
    """Slice images that are answered correctly or not."""
    rows = pd.DataFrame({"path": [f"{number:02}" for number in range(len(correct))], "label": "cat"} | columns)
    logits = np.array([[1, 0] if each else [0, 1] for each in correct], dtype=np.float32)
    evaluation = Evaluation(
        rows.assign(group=columns.get("group", "")), SingleLabel(["cat", "dog"]), logits, logits, Decision()
    )
    slices, notes = evaluation._slices()
    return Record.model_construct(slices=slices, notes=notes)


def test_slices_by_hand(tmp_path: Path) -> None:
    found = sliced(tmp_path, [True, False, True, False], kind=["m", "p", "m", "m"], site=["x"] * 4).slices
    assert {name: (each.images, each.correct) for name, each in found.items()} == {
        "kind=m": (3, pytest.approx(2 / 3)),
        "kind=p": (1, 0.0),
        "site=x": (4, 0.5),
    }
    assert (found["kind=m"].low, found["kind=m"].high) == (wilson(2, 3).low, wilson(2, 3).high)


def test_a_slice_of_one_group_has_no_interval(tmp_path: Path) -> None:
    found = sliced(tmp_path, [True, False, True, False], kind=["m", "m", "p", "p"], group=["a", "a", "b", "c"]).slices
    assert (found["kind=m"].low, found["kind=m"].high) == (None, None)
    assert found["kind=p"].low == wilson(1, 2).low


def test_of_many_values_those_with_most_images_are_shown(tmp_path: Path) -> None:
    values = [f"v{number:03}" for number in range(50)] + ["v049", "v048", "", "", ""]
    found = sliced(tmp_path, [True] * 55, site=values, kind=["m"] * 55)
    assert list(found.slices)[:4] == ["site=(none)", "site=v048", "site=v049", "site=v000"]
    assert [each.images for each in found.slices.values()] == [3, 2, 2, *[1] * 17, 55]
    assert found.notes == ["site has 51 values: the 20 with most images are shown."]


def test_the_lineage_holds_every_input_to_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"path\n" * 1000)
    weights = tmp_path / "network" / "within" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"")
    (weights.parent / "network.json").touch()
    write_lineage(tmp_path, [file, tmp_path / "network"], {"finetune": "2 x cpu"})
    found = read_lineage(tmp_path)
    contents = {file: b"path\n" * 1000, weights: b""}
    assert found["files"] == {path.as_posix(): hashlib.sha256(text).hexdigest() for path, text in contents.items()}
    assert found["versions"]["numpy"] == version("numpy")
    assert found["processes"] == {"finetune": "2 x cpu"}


def test_pairs_confused_less_often_than_asked_for_are_left_out(tmp_path: Path) -> None:
    # one cat is taken for a dog
    for least, rows in ((1, 1), (2, 0)):
        (tmp_path / str(least)).mkdir()
        dataclasses.replace(evaluation(), most_confused=least).write(tmp_path / str(least))
        assert len(tables.read(tmp_path / str(least) / "confused.csv")) == rows
