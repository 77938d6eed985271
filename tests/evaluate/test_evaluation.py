"""An evaluation writes every table and plot, the same bytes each time."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graft.core import tables
from graft.data.arrays import ImageRows
from graft.evaluate import multi_label
from graft.evaluate.config import Evaluate
from graft.evaluate.evaluation import Evaluation
from graft.tasks import Decision, MultiLabel, SingleLabel

BOTH = [
    "classes.csv",
    "confusion.png",
    "coverage.png",
    "decision.json",
    "figures.csv",
    "metrics.json",
    "predictions.csv",
    "reliability.csv",
    "reliability.png",
    "sample.png",
    "slices.csv",
    "top_losses.png",
]
FILES = sorted([*BOTH, "coverage.csv"])


@pytest.fixture
def pixels(tmp_path: Path) -> ImageRows:
    """Four small pictures."""
    np.save(tmp_path / "pixels.npy", np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8))
    (tmp_path / "rows.csv").write_text("path\na\nb\nc\nd\n")
    return ImageRows(tmp_path / "pixels.npy")


def evaluation(decision: Decision | None = None, **columns: list[str]) -> Evaluation:
    """Four pictures of two classes out of three; the network has one wrong, the probe two."""
    rows = {"path": list("abcd"), "label": ["cat", "cat", "dog", "dog"], "group": [""] * 4, "split": ["test"] * 4}
    network = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    probe = np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.8, 0.1, 0.1]])
    frame, task = pd.DataFrame(rows | columns, dtype=str), SingleLabel(["cat", "dog", "owl"])
    return Evaluation(
        frame, task, np.log(network).astype(np.float32), np.log(probe).astype(np.float32), decision or Decision()
    )


def write(folder: Path, pixels: ImageRows, **columns: list[str]) -> dict[str, Any]:
    """Write an evaluation into a new folder."""
    folder.mkdir()
    return evaluation(None, **columns).write(folder, pixels, Evaluate(gallery=3))


def test_targets_follow_the_classes() -> None:
    assert evaluation().targets.tolist() == [0, 0, 1, 1]


def test_metrics_by_hand(tmp_path: Path, pixels: ImageRows) -> None:
    write(tmp_path / "out", pixels)
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert list(told) == ["test", "probe", "majority", "interval"]
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
    assert list(told["probe"]) == ["accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss"]
    assert (told["test"]["accuracy"], told["probe"]["accuracy"], told["interval"]) == (0.75, 0.5, "Wilson")
    # three of four right, each said with 0.8
    assert told["test"]["ece"] == pytest.approx(0.05, abs=1e-6)
    assert told["test"]["balanced_accuracy"] == 0.75
    assert told["majority"] == {"accuracy": 0.5}
    # cat: precision 1, recall 1/2; dog: precision 2/3, recall 1; owl does not count
    assert told["test"]["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_tables_by_hand(tmp_path: Path, pixels: ImageRows) -> None:
    facts = write(tmp_path / "out", pixels, kind=["m", "m", "p", "p"])
    out = tmp_path / "out"
    assert sorted(file.name for file in out.iterdir()) == FILES
    assert (out / "classes.csv").read_text().splitlines() == [
        "class,precision,recall,f1,roc_auc,average_precision,pictures",
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
    assert facts["test"]["undefined"] == {
        "owl.precision": "never predicted",
        "owl.recall": "no picture in this split",
        "owl.f1": "neither predicted nor in this split",
        "owl.roc_auc": "no picture in this split",
        "owl.average_precision": "no picture in this split",
    }
    assert [name for name, _ in facts["networks"]] == ["this network", "linear probe: the head alone"]


def test_every_figure_stands_with_its_interval_and_the_probes(tmp_path: Path, pixels: ImageRows) -> None:
    write(tmp_path / "out", pixels)
    figures = tables.read(tmp_path / "out" / "figures.csv").set_index("figure")
    accuracy = figures.to_dict("index")["accuracy"]
    assert (accuracy["value"], accuracy["probe"]) == ("0.75", "0.5")
    assert float(accuracy["low"]) < 0.75 < float(accuracy["high"])
    assert figures.loc["ece", "low"] == ""
    assert "top_5_accuracy" not in figures.index


def test_what_may_be_not_sure_is_measured(tmp_path: Path, pixels: ImageRows) -> None:
    (tmp_path / "out").mkdir()
    wary = evaluation(Decision(abstain_below=0.9, temperature=0.5))
    facts = wary.write(tmp_path / "out", pixels, Evaluate(gallery=3))
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())
    # at half the temperature 0.8, 0.1, 0.1 become 64, 1, 1 of 66
    assert told["answered"]["coverage"] == 1
    assert (told["answered"]["accuracy"], facts["answered"]["accuracy"]) == (0.75, 0.75)
    assert tables.read(tmp_path / "out" / "predictions.csv")["p_cat"].tolist()[0] == "0.969697"
    assert facts["calibration"]["before"] == pytest.approx(0.05, abs=1e-6)
    assert facts["calibration"]["after"] == pytest.approx(0.969697 - 0.75, abs=1e-5)


def test_without_slices_the_table_of_slices_is_empty(tmp_path: Path, pixels: ImageRows) -> None:
    assert write(tmp_path / "out", pixels)["slices"] == {}
    assert (tmp_path / "out" / "slices.csv").read_text() == "slice\n"


def test_twice_is_the_same_bytes(tmp_path: Path, pixels: ImageRows) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, pixels, kind=["m", "m", "p", "p"])
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def several() -> Evaluation:
    """Four pictures with any number of two classes, two of a kind; the network has one wrong."""
    rows = {"path": list("abcd"), "labels": ["clear|haze", "", "haze", "haze"], "group": [""] * 4}
    network = np.array([[0.9, 0.9], [0.2, 0.1], [0.1, 0.7], [0.6, 0.8]])
    frame = pd.DataFrame(rows | {"split": ["test"] * 4, "kind": ["m", "m", "p", "p"]}, dtype=str)
    logits = np.log(network / (1 - network)).astype(np.float32)
    return Evaluation(frame, MultiLabel(["clear", "haze"]), logits, np.full((4, 2), -0.4, dtype=np.float32), Decision())


def test_several_labels_by_hand(tmp_path: Path, pixels: ImageRows) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        facts = several().write(tmp_path / name, pixels, Evaluate(gallery=3))
    out = tmp_path / "one"
    assert sorted(file.name for file in out.iterdir()) == BOTH
    assert all((out / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in BOTH)
    told = json.loads((out / "metrics.json").read_text())
    assert list(told) == ["test", "probe", "majority", "interval"]
    assert list(told["test"]) == list(multi_label.HEADLINE)
    assert (told["test"]["exact_match"], told["test"]["hamming_loss"]) == (0.75, 0.125)
    # most pictures have haze and no clear: right for two of four; the probe never names a class, right for one
    assert (told["majority"]["exact_match"], told["probe"]["exact_match"]) == (0.5, 0.25)
    assert tables.read(out / "slices.csv")[["slice", "exact_match"]].to_numpy().tolist() == [
        ["kind=m", "1.0"],
        ["kind=p", "0.5"],
    ]
    assert (out / "classes.csv").read_text().splitlines() == [
        "class,precision,recall,f1,roc_auc,average_precision,pictures",
        "clear,0.5,1.0,0.666667,1.0,1.0,1",
        "haze,1.0,1.0,1.0,1.0,1.0,3",
    ]
    predictions = tables.read(out / "predictions.csv")
    assert predictions["label"].tolist() == ["clear|haze", "", "haze", "haze"]
    assert predictions["predicted"].tolist() == ["clear|haze", "", "haze", "clear|haze"]
    assert facts["multi_label"] is True


def test_ten_classes_one_absent_most_of_one_image_all_wrong(tmp_path: Path) -> None:
    """Numbers or None with a reason, down to the files; never a crash, never a silent 0."""
    classes = [f"c{place}" for place in range(10)]
    labels = [*classes[:8], "c0", "c1", "c2"]  # c8 and c9 have no picture; c3 to c7 have one
    names = [f"{number:02}" for number in range(len(labels))]
    np.save(tmp_path / "pixels.npy", np.zeros((len(labels), 8, 8, 3), dtype=np.uint8))
    (tmp_path / "rows.csv").write_text("path\n" + "".join(f"{name}\n" for name in names))
    rows = pd.DataFrame({"path": names, "label": labels, "group": "", "split": "test"}, dtype=str)
    wrong = np.array([(classes.index(name) + 1) % 10 for name in labels])
    logits = (8 * np.eye(10, dtype=np.float32))[wrong]
    (tmp_path / "out").mkdir()
    probe = np.full((len(labels), 10), 0.1, dtype=np.float32)
    facts = Evaluation(rows, SingleLabel(classes), logits, probe, Decision()).write(
        tmp_path / "out", ImageRows(tmp_path / "pixels.npy"), Evaluate(gallery=4)
    )
    test = facts["test"]
    assert (test["accuracy"], test["accuracy_low"], test["balanced_accuracy"], test["macro_f1"]) == (0, 0, 0, 0)
    assert 0.2 < test["accuracy_high"] < 0.4
    # nobody is right in any draw: that is no certainty, so there is no interval
    assert test["balanced_accuracy_low"] is None
    assert test["undefined"]["c9.recall"] == "no picture in this split"
    assert test["undefined"]["c0.precision"] == "never predicted"
    last = tables.read(tmp_path / "out" / "classes.csv").set_index("class").to_dict("index")["c9"]
    assert (last["recall"], last["roc_auc"], last["average_precision"], last["images"]) == ("", "", "", "0")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["test"]["macro_f1"] == 0


def test_there_is_one_log_loss_however_sure_the_mistake(tmp_path: Path, pixels: ImageRows) -> None:
    rows = pd.DataFrame({"path": list("abcd"), "label": ["cat", "cat", "dog", "dog"], "group": ""}, dtype=str)
    logits = np.array([[200, 0], [0, 200], [0, 60], [35, 0]], dtype=np.float32)
    sure = Evaluation(rows, SingleLabel(["cat", "dog"]), logits, logits, Decision(temperature=2.0))
    sure.write(tmp_path, pixels, Evaluate(gallery=3))
    told = json.loads((tmp_path / "metrics.json").read_text())
    losses = pd.read_csv(tmp_path / "predictions.csv")["loss"]
    assert losses.tolist() == pytest.approx([0, 100, 0, 17.5], abs=1e-6)
    assert told["test"]["log_loss"] == pytest.approx(losses.mean(), abs=1e-6)
    assert told["probe"]["log_loss"] == pytest.approx(235 / 4)
