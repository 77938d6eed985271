"""The map is the same on each run, keeps what is alike together, and is drawn of any number of pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.core import tables
from graft.data.arrays import Embeddings
from graft.report import embedding_map
from graft.report.embedding_map import layout, save_map
from graft.tasks import MultiLabel, SingleLabel

CLASSES = ["cat", "dog", "$_owl$"]


def clusters(count: int, width: int = 8, kinds: int = 3) -> np.ndarray:
    """Features of as many clusters, in turn."""
    generator = np.random.default_rng(0)
    centres = 10 * generator.normal(size=(kinds, width))
    return (centres[np.arange(count) % kinds] + generator.normal(size=(count, width))).astype(np.float32)


def stored(folder: Path, features: np.ndarray) -> Embeddings:
    """Features as `embed` leaves them, a picture a row."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "features.npy", features[:, None])
    (folder / "rows.csv").write_text("path\n" + "".join(f"{place:04}.png\n" for place in range(len(features))))
    return Embeddings(folder / "features.npy")


def predictions(count: int, classes: list[str]) -> pd.DataFrame:
    """Every tenth picture is taken for the first class."""
    labels = [classes[place % len(classes)] for place in range(count)]
    said = [classes[0] if place % 10 == 0 else label for place, label in enumerate(labels)]
    return pd.DataFrame({"path": [f"{place:04}.png" for place in range(count)], "label": labels, "predicted": said})


def test_neighbours_are_of_one_cluster() -> None:
    plane = layout(clusters(60))
    distance = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argsort(1)[:, :3]
    assert (nearest % 3 == (np.arange(60) % 3)[:, None]).all()


def test_the_same_layout_on_each_run() -> None:
    features = clusters(40, width=80)
    assert np.array_equal(layout(features), layout(features.copy()))
    assert len(np.unique(layout(features), axis=0)) == 40


def test_files_are_the_same_bytes_twice(tmp_path: Path) -> None:
    features = stored(tmp_path / "features", clusters(30))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_map(tmp_path / name, predictions(30, CLASSES), features, SingleLabel(CLASSES))
    for name in ("map.csv", "map.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    told = tables.read(tmp_path / "one" / "map.csv")
    assert told.columns.tolist() == ["path", "x", "y", "label", "predicted"]
    assert told[["path", "label", "predicted"]].equals(predictions(30, CLASSES))
    assert np.isfinite(told[["x", "y"]].astype(float).to_numpy()).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 10, 12])
def test_any_number_of_images_is_drawn(tmp_path: Path, count: int) -> None:
    save_map(tmp_path, predictions(count, CLASSES), stored(tmp_path / "f", clusters(count)), SingleLabel(CLASSES))
    assert len(tables.read(tmp_path / "map.csv")) == count
    with Image.open(tmp_path / "map.png") as image:
        assert image.size == (990, 770)


def test_few_images_lie_on_their_principal_components() -> None:
    line = np.outer(np.arange(5.0), [1, 1, 1]).astype(np.float32)
    plane = layout(line)
    # standardised steps of 1/sqrt(2), along the diagonal of three features
    assert np.abs(plane[:, 0]) == pytest.approx(np.abs(np.arange(5) - 2) * np.sqrt(3 / 2), abs=1e-3)
    assert plane[:, 1].tolist() == [0] * 5
    assert layout(np.array([[1.0], [2.0]], dtype=np.float32)).shape == (2, 2)


@pytest.mark.parametrize("count", [3, 20])
def test_images_that_are_all_alike_lie_on_one_spot(count: int) -> None:
    assert layout(np.ones((count, 4), dtype=np.float32)).tolist() == [[0, 0]] * count


def test_two_kinds_of_equal_images_are_laid_out() -> None:
    twins = np.repeat(np.array([[0, 1], [1, 0]], dtype=np.float32), 6, axis=0)
    assert np.isfinite(layout(twins)).all()


def test_of_more_images_a_sample_is_drawn_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_map, "MOST", 12)
    features = stored(tmp_path / "f", clusters(40))
    drawn = []
    for _ in range(2):
        save_map(tmp_path, predictions(40, CLASSES), features, SingleLabel(CLASSES))
        drawn.append(tables.read(tmp_path / "map.csv")["path"].tolist())
    assert drawn[0] == drawn[1]
    assert drawn[0] == sorted(drawn[0])
    assert len(set(drawn[0])) == 12


@pytest.mark.slow
def test_many_classes_have_no_legend(tmp_path: Path) -> None:
    """The legend takes its width from the plot, whose frame then ends further to the left."""

    def frame_ends(kinds: int) -> int:
        names = [f"class {place}" for place in range(kinds)]
        save_map(tmp_path, predictions(40, names), stored(tmp_path / "f", clusters(40)), SingleLabel(names))
        with Image.open(tmp_path / "map.png") as image:
            row = np.asarray(image.convert("RGB"))[4:12].astype(int)
        return int(np.flatnonzero((np.abs(row - (217, 221, 227)).max(2) < 4).any(0)).max())

    assert frame_ends(12) < 900 < frame_ends(13)


def test_several_labels_count_as_a_kind(tmp_path: Path) -> None:
    told = predictions(20, ["", "cat", "cat|dog", "dog"])
    save_map(tmp_path, told, stored(tmp_path / "f", clusters(20)), MultiLabel(["cat", "dog"]))
    assert tables.read(tmp_path / "map.csv")["label"].tolist() == told["label"].tolist()


def test_a_long_name_leaves_the_map_its_room(tmp_path: Path) -> None:
    sizes = []
    for length in (30, 90):
        names = ["a" * length, "b" * length]
        save_map(tmp_path, predictions(40, names), stored(tmp_path / "f", clusters(40)), SingleLabel(names))
        sizes.append((tmp_path / "map.png").read_bytes())
    assert sizes[0] == sizes[1]
