"""The learning curve is drawn from what train-head read, by the units that new labels would come in."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps import learning_curve as module
from graft.apps.learning_curve import Point, Pool, Trend, learning_curve, measure, table, verdict
from graft.core import tables
from graft.core.errors import DataError
from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset
from graft.stats.intervals import Interval, by_group, wilson

ROOT = Path(__file__).resolve().parents[2]
COUNT, GROUPS = 240, 24


def rows(groups: bool) -> pd.DataFrame:
    """Two classes, two thirds and one third; in groups of ten, every fourth of which is valid, or without groups."""
    group = np.arange(COUNT) // 10
    return pd.DataFrame(
        {
            "path": [f"{number:03}.png" for number in range(COUNT)],
            "label": np.resize(["a", "a", "b"], COUNT),
            "group": [f"g{number:02}" for number in group] if groups else "",
            "split": np.where((group if groups else np.arange(COUNT)) % 4 == 0, "valid", "train"),
        }
    )


def alone(count: int = COUNT) -> pd.Series:
    """No picture has a copy."""
    return pd.Series([str(number) for number in range(count)])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pipeline leaves up to train-head, of classes that are hard to tell apart."""
    monkeypatch.chdir(tmp_path)
    made = rows(groups=True)
    generator = np.random.default_rng(0)
    values = generator.normal(size=(COUNT, 1, 30)) + 0.35 * (made["label"] == "b").to_numpy()[:, None, None]
    for folder in ("data/embeddings", "reports/train-head"):
        (tmp_path / folder).mkdir(parents=True)
    np.save("data/embeddings/features.npy", values.astype(np.float32))
    tables.write(Path("data/embeddings/rows.csv"), made[["path"]])
    tables.write(Path("data/labels.csv"), made[["path", "label", "group"]])
    tables.write(Path("data/split.csv"), made[["path", "split"]])
    tables.write(Path("data/images.csv"), made[["path"]].assign(duplicate_group=range(COUNT)))
    Path("reports/train-head/metrics.json").write_text(json.dumps({"valid": {"l2": 0.3}}))
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return tmp_path


def test_groups_are_in_or_out_as_a_whole() -> None:
    made = rows(groups=True)
    pool = Pool(Dataset(made, ["a", "b"]), alone())
    assert pool.by_group
    group = made["group"][made["split"] == "train"].to_numpy()
    drawn = [pool.draw(0.4, number) for number in range(5)]
    for mask in drawn:
        assert mask is not None
        assert all(mask[group == name].all() or not mask[group == name].any() for name in set(group))
        assert mask.mean() == pytest.approx(0.4, abs=0.05)
    assert len({mask.tobytes() for mask in drawn if mask is not None}) == 5


@pytest.mark.parametrize("straddle", [False, True], ids=["no groups", "groups on both sides"])
def test_else_images_are_drawn_one_by_one_and_stratified(straddle: bool) -> None:
    made = rows(groups=False)
    if straddle:
        made["group"] = rows(groups=True)["group"]
    pool = Pool(Dataset(made, ["a", "b"]), alone())
    assert not pool.by_group
    labels = made["label"][made["split"] == "train"].to_numpy()
    mask = pool.draw(0.1, 0)
    assert mask is not None
    assert (mask.sum(), (labels[mask] == "b").sum()) == (18, 6)


def test_copies_come_together() -> None:
    copies = pd.Series([str(number // 8) for number in range(COUNT)])  # of eight, six are in train
    mask = Pool(Dataset(rows(groups=False), ["a", "b"]), copies).draw(0.5, 0)
    assert mask is not None
    assert {int(part.sum()) for part in mask.reshape(-1, 6)} == {0, 6}


def test_a_draw_of_one_class_is_none() -> None:
    made = rows(groups=True)
    made["label"] = np.where(np.arange(COUNT) // 10 % 2 == 0, "a", "b")  # a group has one class only
    pool = Pool(Dataset(made, ["a", "b"]), alone())
    assert pool.draw(0.05, 0) is None
    assert pool.draw(0.5, 0) is not None


def test_whole_share_is_the_head_of_all(project: Path) -> None:
    dataset = Dataset(rows(groups=True), ["a", "b"])
    points = list(measure(Embeddings(module.EMBEDDINGS), dataset, Pool(dataset, alone()), 0.3, 2))
    assert [point.share for point in points] == list(module.SHARES)
    assert [len(point.images) for point in points] == [2, 2, 2, 2, 2, 1]
    assert points[-1].images == [180]
    assert points[-1].correct.shape == (1, 60)
    assert points[-1].accuracy > points[0].accuracy
    assert points[-1].losses[0] < np.log(2)


@pytest.mark.slow
def test_command_writes_the_curve_and_a_verdict(project: Path) -> None:
    done = CliRunner().invoke(cli.app, ["learning-curve", "--draws", "2"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "linear heads at l2 0.3, 2 draws of each share, drawn by group, measured on valid"
    assert lines[-1].startswith("twice the labels, if the curve keeps its slope: ")
    curve = pd.read_csv("reports/learning-curve/curve.csv")
    assert curve["share"].tolist() == list(module.SHARES)
    assert (curve["accuracy_low"] <= curve["accuracy"]).all()
    with Image.open("reports/learning-curve/curve.png") as drawn:
        assert drawn.width > 400
    first = [file.read_bytes() for file in sorted(module.REPORT.iterdir())]
    CliRunner().invoke(cli.app, ["learning-curve", "--draws", "2"])
    assert [file.read_bytes() for file in sorted(module.REPORT.iterdir())] == first


@pytest.mark.parametrize("chosen", [{"epoch": 3}, {"l2": 0.0}], ids=["a hidden layer", "no penalty"])
@pytest.mark.parametrize("l2", [[100.0, 0.3], [0.3, 0.0]])
def test_a_head_without_a_penalty_leaves_the_choice_to_valid(
    project: Path, chosen: dict[str, float], l2: list[float]
) -> None:
    module.METRICS.write_text(json.dumps({"valid": chosen}))
    values = {"train_head": {"head": "mlp" if "epoch" in chosen else "linear", "l2": l2}}
    assert next(learning_curve(values, 2)).startswith("linear heads at l2 0.3, ")


def test_where_no_penalty_is_above_zero_the_usual_ones_are_tried(project: Path) -> None:
    module.METRICS.write_text(json.dumps({"valid": {"epoch": 3}}))
    assert "linear heads at l2 " in next(learning_curve({"train_head": {"head": "mlp", "l2": [0.0]}}, 2))


def test_nothing_to_read_says_what_to_run(project: Path) -> None:
    module.METRICS.unlink()
    values = yaml.safe_load((project / "params.yaml").read_text())
    with pytest.raises(DataError, match=r"metrics.json is absent: no head was fitted yet; run `dvc repro train-head`"):
        list(learning_curve(values, 2))


def test_several_labels_are_measured_by_their_exact_match(project: Path) -> None:
    made = rows(groups=False).rename(columns={"label": "labels"})
    made["labels"] = made["labels"].replace("b", "a|b")
    dataset = Dataset(made, ["a", "b"])
    last = list(measure(Embeddings(module.EMBEDDINGS), dataset, Pool(dataset, alone()), 0.3, 2))[-1]
    assert last.correct.shape == (1, 60)
    assert 0.5 < last.accuracy < 1


VALID = 400
"""Valid images of the made-up points."""


def point(share: float, accuracies: list[float], seed: int = 0) -> Point:
    """Draws with these accuracies on `VALID` images, the easier ones right in all of them."""
    hardness = np.random.default_rng(seed).permutation(VALID) / VALID
    right = np.stack([hardness < accuracy for accuracy in accuracies])
    return Point(share, [round(1000 * share)] * len(accuracies), right, [0.5] * len(accuracies))


def curve(*accuracies: float) -> list[Point]:
    """Points at 25, 50 and 100 %, and one far below that must not count."""
    shares = (0.25, 0.5, 1.0)
    return [point(0.01, [0.1])] + [point(share, [value]) for share, value in zip(shares, accuracies, strict=True)]


def test_interval_of_one_draw_is_that_of_independent_images() -> None:
    interval = Trend(np.arange(VALID)).interval(point(1.0, [0.8]))
    half = 1.96 * np.sqrt(0.8 * 0.2 / VALID)
    assert interval.low == pytest.approx(0.8 - half, abs=0.006)
    assert interval.high == pytest.approx(0.8 + half, abs=0.006)


def test_draws_that_differ_widen_the_interval() -> None:
    trend = Trend(np.arange(VALID))
    alike, apart = (trend.interval(point(0.5, values)) for values in ([0.7] * 4, [0.5, 0.6, 0.8, 0.9]))
    assert apart.high - apart.low > 1.5 * (alike.high - alike.low)


def test_units_that_hang_together_widen_the_interval() -> None:
    right = np.repeat(np.random.default_rng(0).random(20) < 0.7, VALID // 20)[None]
    made = Point(1.0, [1000], right, [0.5])
    alone = Trend(np.arange(VALID)).interval(made)
    together = Trend(np.repeat(np.arange(20), VALID // 20)).interval(made)
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_interval_of_one_draw_is_that_of_its_groups() -> None:
    """As evaluate's of few groups: wider than plain quantiles are."""
    right = np.random.default_rng(1).random(VALID) < np.repeat(np.linspace(0.4, 1, 8), VALID // 8)
    units = np.repeat(np.arange(8), VALID // 8)
    interval = Trend(units).interval(Point(1.0, [1000], right[None], [0.5]))
    wanted = by_group(right, units)
    assert interval.low == pytest.approx(wanted.low, abs=0.02)
    assert interval.high == pytest.approx(wanted.high, abs=0.02)


def test_interval_is_no_narrower_than_wilsons() -> None:
    right = np.tile(np.arange(VALID // 8) < 20, 8)  # by chance, all groups alike
    interval = Trend(np.repeat(np.arange(8), VALID // 8)).interval(Point(1.0, [1000], right[None], [0.5]))
    assert interval == wilson(int(right.sum()), VALID)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_right_or_all_wrong_is_no_certainty(share: float) -> None:
    interval = Trend(np.repeat(np.arange(10), VALID // 10)).interval(point(1.0, [share]))
    assert interval.high - interval.low == pytest.approx(0.2775, abs=1e-4)  # Wilson's, of ten units


def test_doubling_is_the_slope_of_the_last_points() -> None:
    found = Trend(np.arange(VALID)).doubling(curve(0.0, 0.7, 0.75))
    assert found is not None
    gain, interval = found
    assert gain == pytest.approx(0.05)
    # paired: the same images are right at both points but for one in twenty
    assert 0.025 < interval.low < 0.05 < interval.high < 0.08


def test_no_more_can_be_gained_than_is_still_wrong() -> None:
    found = Trend(np.arange(VALID)).doubling(curve(0.0, 0.85, 1.0))
    assert found == (0.0, Interval(0.0, 0.0))
    found = Trend(np.arange(VALID)).doubling(curve(0.0, 0.7, 0.9))
    assert found is not None
    gain, interval = found
    assert gain == interval.high == pytest.approx(0.1)
    assert interval.low <= gain


def test_slope_needs_two_sizes() -> None:
    assert Trend(np.arange(VALID)).doubling([point(0.1, [0.5]), point(1.0, [0.7])]) is None


@pytest.mark.parametrize(
    ("gain", "low", "high", "told"),
    [
        (0.02, 0.01, 0.03, "more labels would help"),
        (0.001, -0.004, 0.006, "more labels would bring little"),
        (0.003, 0.001, 0.005, "more labels would bring little"),
        (-0.02, -0.03, -0.01, "more labels would bring little"),
        (0.02, 2e-15, 0.05, "valid is too small to tell whether more labels would help"),
        (0.02, -0.01, 0.05, "valid is too small to tell whether more labels would help"),
    ],
)
def test_verdict_needs_evidence(gain: float, low: float, high: float, told: str) -> None:
    line = verdict(gain, Interval(low, high), "exact_match")
    assert line.endswith(f"; {told}")
    assert f"{100 * gain:+.1f} points of exact match (95 %: {100 * low:+.1f} to {100 * high:+.1f})" in line


def test_table_has_a_row_a_point() -> None:
    made = table([point(0.1, [0.5, 0.6]), point(1.0, [0.75])], Trend(np.arange(VALID)), "accuracy")
    assert made["images"].tolist() == [100, 1000]
    assert made["draws"].tolist() == [2, 1]
    assert made["accuracy"].tolist() == pytest.approx([0.55, 0.75])
    assert (made["accuracy_low"] < made["accuracy"]).all()
    assert (made["accuracy"] < made["accuracy_high"]).all()
