"""Confusion, calibration, coverage and curves are drawn of anything that may occur, the same bytes each time."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.evaluate.decision import Answered
from graft.report import plots
from graft.report.plots import save_confusion, save_coverage, save_reliability, save_training

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("count", [2, 5])
def test_any_number_of_classes_is_drawn(tmp_path: Path, count: int) -> None:
    names = [f"class {place}" for place in range(count)]
    save_confusion(tmp_path / "c.png", 3 * np.eye(count, dtype=np.int64), names)
    with Image.open(tmp_path / "c.png") as image:
        assert image.format == "PNG"
        assert min(image.size) > 200
        assert "Software" not in image.info


def test_equal_counts_are_equal_bytes_and_others_are_not(tmp_path: Path) -> None:
    for name, right in (("a.png", 3), ("b.png", 3), ("c.png", 4)):
        save_confusion(tmp_path / name, np.array([[right, 1], [0, 2]]), ["cat", "dog"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()


def test_a_class_without_images_is_drawn(tmp_path: Path) -> None:
    save_confusion(tmp_path / "c.png", np.array([[0, 0], [1, 2]]), ["cat", "dog"])
    assert (tmp_path / "c.png").is_file()


def dark(image: Path) -> int:
    """Pixels of the darkest blue: cells that hold all of their row."""
    with Image.open(image) as opened:
        return int((np.abs(np.asarray(opened.convert("RGB")).astype(int) - (8, 48, 107)).max(2) < 3).sum())


def cells(image: Path, half: str) -> int:
    """Pixels of the darkest blue in the left half, of counts, or the right one, of shares."""
    with Image.open(image) as opened:
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    middle = pixels.shape[1] // 2
    shown = pixels[:, :middle] if half == "counts" else pixels[:, middle:]
    return int((np.abs(shown - (8, 48, 107)).max(2) < 3).sum())


def test_counts_are_coloured_by_images_and_shares_by_their_row(tmp_path: Path) -> None:
    save_confusion(tmp_path / "a.png", np.array([[1, 0], [0, 100]]), ["cat", "dog"])
    save_confusion(tmp_path / "b.png", np.array([[1, 0], [100, 0]]), ["cat", "dog"])
    save_confusion(tmp_path / "c.png", np.array([[1, 0], [50, 50]]), ["cat", "dog"])
    shares = [cells(tmp_path / f"{name}.png", "shares") for name in "abc"]
    counts = [cells(tmp_path / f"{name}.png", "counts") for name in "abc"]
    assert shares[0] > 1000
    assert shares[1] == pytest.approx(shares[0], rel=0.1)  # both rows are whole
    assert shares[2] == pytest.approx(shares[0] / 2, rel=0.1)
    assert counts[0] == pytest.approx(shares[0] / 2, rel=0.1)  # the one cell of most pictures
    assert counts[1] == pytest.approx(counts[0], rel=0.1)
    assert counts[2] == pytest.approx(2 * counts[0], rel=0.1)


@pytest.mark.parametrize(("count", "wide"), [(2, True), (8, True), (9, False), (200, False)])
def test_few_classes_stand_side_by_side_and_many_below_each_other(tmp_path: Path, count: int, wide: bool) -> None:
    counts = np.random.default_rng(0).integers(0, 9, (count, count))
    save_confusion(tmp_path / "a.png", counts, [f"a class of number {place}" for place in range(count)])
    with Image.open(tmp_path / "a.png") as image:
        assert (image.width > image.height) == wide
        assert max(image.size) < 3200


def test_names_are_as_many_as_can_be_read() -> None:
    assert plots._ticks(30, 13) == list(range(30))
    assert 60 <= len(plots._ticks(200, 13)) <= 110
    assert plots._ticks(1, 3.4) == [0]


def test_names_are_not_read_as_mathematics(tmp_path: Path) -> None:
    save_confusion(tmp_path / "confusion.png", np.eye(2, dtype=np.int64), ["$^$", "costs $5"])
    assert (tmp_path / "confusion.png").is_file()


def test_letters_that_no_font_has_raise_no_warning(tmp_path: Path) -> None:
    save_confusion(
        tmp_path / "confusion.png", np.eye(3, dtype=np.int64), ["\u732b", "\U0001f436", "\u05db\u05dc\u05d1"]
    )
    assert (tmp_path / "confusion.png").is_file()


def test_a_very_long_name_is_shortened(tmp_path: Path) -> None:
    for length in (60, 120):
        names = [f"{letter} begins{'x' * length}ends {letter}" for letter in "ab"]
        save_confusion(tmp_path / f"{length}.png", np.eye(2, dtype=np.int64), names)
    assert (tmp_path / "60.png").read_bytes() == (tmp_path / "120.png").read_bytes()


def test_names_of_many_outcomes_are_not_printed_over_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[int] = []

    def count_names(names: list[str]) -> list[str]:
        named.append(len(names))
        return names

    monkeypatch.setattr(plots, "plain", count_names)
    save_confusion(tmp_path / "a.png", np.ones((300, 2, 2), dtype=np.int64), [f"class {place}" for place in range(300)])
    assert named[0] <= 14 * 72 / plots.TINY


@pytest.mark.parametrize("count", [1, 5, 200])
def test_outcomes_of_any_number_of_classes_are_drawn(tmp_path: Path, count: int) -> None:
    counts = np.tile(np.array([[5, 1], [0, 4]]), (count, 1, 1))
    for name in ("a.png", "b.png"):
        save_confusion(tmp_path / name, counts, [f"$class {place}" for place in range(count)])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert min(image.size) > 150
        assert max(image.size) < 2000


def test_outcomes_are_coloured_by_their_share_of_those_that_hold_and_of_those_that_do_not(tmp_path: Path) -> None:
    cases = {"a": [[0, 9], [9, 0]], "b": [[100, 0], [0, 1]], "c": [[50, 50], [0, 1]], "d": [[0, 0], [0, 0]]}
    for name, counts in cases.items():
        save_confusion(tmp_path / f"{name}.png", np.array([counts]), ["haze"])
    found = {name: dark(tmp_path / f"{name}.png") for name in cases}
    assert found["a"] > 1000
    assert found["b"] == pytest.approx(found["a"], rel=0.1)  # two full cells, whichever they are
    assert found["c"] == pytest.approx(found["a"] / 2, rel=0.1)
    assert found["d"] == 0


def test_outcomes_lie_where_their_names_say(tmp_path: Path) -> None:
    """True and false positives, then negatives: each of four classes fills one column."""
    places = {(1, 1): 0, (1, 0): 1, (0, 1): 2, (0, 0): 3}
    for (holds, said), column in places.items():
        counts = np.zeros((1, 2, 2), dtype=np.int64)
        counts[0, holds, said] = 7
        save_confusion(tmp_path / "c.png", counts, ["haze"])
        with Image.open(tmp_path / "c.png") as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        (rows, columns) = np.nonzero(np.abs(pixels - (8, 48, 107)).max(2) < 3)
        assert len(rows) > 1000
        # the axes begin right of the class's name, in the first fifth of the picture
        assert column / 4 < np.mean(columns) / pixels.shape[1] < (column + 1) / 4 + 0.1


def test_reliability_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "reliability.csv").write_text(
        "low,high,answers,confidence,share,temperature\n0.6,0.7,2,0.61,1.0,before\n0.5,0.6,2,0.55,1.0,after\n"
    )
    for name in ("one.png", "two.png"):
        save_reliability(tmp_path / name, tmp_path / "reliability.csv", "correct")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("coverage", [None, 0.0, 0.6])
def test_coverage_is_drawn(tmp_path: Path, coverage: float | None) -> None:
    (tmp_path / "coverage.csv").write_text("coverage,threshold,accuracy\n0.2,0.85,1.0\n1.0,0.5,0.6\n")
    answered = None if coverage is None else Answered(abstain_below=0.5, coverage=coverage)
    for name in ("one.png", "two.png"):
        save_coverage(tmp_path / name, tmp_path / "coverage.csv", answered)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_where_every_image_is_answered_the_plot_says_so(tmp_path: Path) -> None:
    save_coverage(tmp_path / "coverage.png", tmp_path / "coverage.csv", None)
    assert (tmp_path / "coverage.png").read_bytes().startswith(b"\x89PNG")


def curve(folder: Path, name: str, values: list[float]) -> None:
    """Write a curve as DVCLive does."""
    file = folder / "plots" / "metrics" / f"{name}.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("step\tx\n" + "".join(f"{step}\t{value}\n" for step, value in enumerate(values, start=1)))


def test_what_there_is_is_drawn_the_same_twice(tmp_path: Path) -> None:
    head, finetune = tmp_path / "head", tmp_path / "finetune"
    curve(head, "valid/loss_l2_0.1", [1.0, 0.5])
    curve(head, "valid/accuracy_l2_0.1", [0.5, 0.6])
    for name in ("train/loss", "valid/loss", "valid/accuracy"):
        curve(finetune, name, [0.5, 0.25, 0.2])
    assert save_training(tmp_path / "one.png", head, finetune)
    assert save_training(tmp_path / "two.png", head, finetune)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    curve(finetune, "valid/accuracy", [0.9, 0.9, 0.9])
    assert save_training(tmp_path / "three.png", head, finetune)
    assert (tmp_path / "three.png").read_bytes() != (tmp_path / "one.png").read_bytes()


def test_panels_hold_what_they_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("train/loss", "valid/loss", "valid/mean_average_precision", "valid/exact_match"):
        curve(tmp_path, name, [0.5, 0.25])
    panels: dict[str, set[str]] = {}
    monkeypatch.setattr(plots, "_draw_curves", lambda _, title, curves: panels.update({title: set(curves)}))
    save_training(tmp_path / "a.png", tmp_path / "none", tmp_path)
    assert panels == {
        "fine-tuning: loss": {"train", "valid"},
        "fine-tuning: metrics on valid": {"mean average precision", "exact match"},
    }


def test_without_any_there_is_no_image(tmp_path: Path) -> None:
    assert not save_training(tmp_path / "none.png", tmp_path / "head", tmp_path / "finetune")
    assert not (tmp_path / "none.png").exists()
