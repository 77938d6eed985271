"""Each picture is decoded once into its row, and an interrupted run goes on."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from graft.core.errors import DataError, ParamsError
from graft.core.params import check
from graft.data.arrays import PartialArray
from graft.data.presized import as_stored, read_presized
from graft.images import presize as module
from graft.images.decode import Square
from graft.images.depth import USUAL_DEPTH, Depth
from graft.images.presize import PADDING, Presize, aspects, presize, read_depth, read_square, write_square
from graft.images.regions import Region

Draw = Callable[[int, int, int], Image.Image]

NAMES = [f"{place}.png" for place in range(7)]
SIZE = 8


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """Seven pictures of the size asked for, so that no pixel is resampled."""
    for place, name in enumerate(NAMES):
        draw(place, SIZE, SIZE).save(tmp_path / name)
    return tmp_path


def hashed(folder: Path, name: str) -> tuple[str, str]:
    """A picture as the index names it."""
    return name, hashlib.sha256((folder / name).read_bytes()).hexdigest()


def unfinished(folder: Path, count: int = len(NAMES)) -> PartialArray:
    """Where presized pixels go."""
    return PartialArray(folder / "unfinished", (count, SIZE, SIZE, 3), np.uint8)


def expected(folder: Path) -> np.ndarray:
    """Pixels as Pillow reads them."""
    return np.stack([np.asarray(Image.open(folder / name)) for name in NAMES])


@pytest.mark.parametrize("chunk", [1, 3, 7, 256])
def test_every_image_has_its_row(folder: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    into = unfinished(folder)
    presize(folder, [hashed(folder, name) for name in NAMES], Square(SIZE), into)
    assert into.done == len(NAMES)
    np.testing.assert_array_equal(into.rows, expected(folder))


def test_an_interrupted_run_goes_on_and_decodes_nothing_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = [hashed(folder, name)[1] for name in NAMES]
    opened: list[str] = []
    read = Square.read

    def watched(square: Square, content: BytesIO, region: Region | None = None) -> NDArray[np.uint8]:
        name = NAMES[order.index(hashlib.sha256(content.getvalue()).hexdigest())]
        if name == "5.png" and not opened.count("killed"):
            opened.append("killed")
            raise KeyboardInterrupt
        opened.append(name)
        return read(square, content, region=region)

    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(Square, "read", watched)
    with pytest.raises(KeyboardInterrupt):
        presize(folder, [hashed(folder, name) for name in NAMES], Square(SIZE), unfinished(folder))
    opened = ["killed"]
    again = unfinished(folder)
    assert again.done == 4
    presize(folder, [hashed(folder, name) for name in NAMES], Square(SIZE), again)
    assert sorted(opened) == ["4.png", "5.png", "6.png", "killed"]
    np.testing.assert_array_equal(again.rows, expected(folder))


def test_jpegs_are_kept_where_they_are_asked_for(folder: Path, tmp_path: Path) -> None:
    images = [hashed(folder, name) for name in NAMES]
    config = Presize(size=SIZE, store="jpeg", quality=95)
    into = config.begin(tmp_path / "jpegs", len(images))
    presize(folder, images, Square(SIZE), into)
    assert config.begin(tmp_path / "jpegs", len(images)).done == len(images)
    into.move(tmp_path / config.file)
    pd.DataFrame({"path": NAMES}).to_csv(tmp_path / "rows.csv", index=False)
    found = read_presized(tmp_path)
    assert (found.quality, found.shape) == (95, (len(NAMES), SIZE, SIZE, 3))
    wanted = [as_stored(pixels, 95) for pixels in expected(folder)]
    np.testing.assert_array_equal(found.read(np.arange(len(NAMES))), np.stack(wanted))


def test_what_is_complete_is_left_alone(folder: Path) -> None:
    into, images = unfinished(folder), [hashed(folder, name) for name in NAMES]
    presize(folder, images, Square(SIZE), into)
    for name in NAMES:
        (folder / name).unlink()
    presize(folder, images, Square(SIZE), into)
    assert into.done == len(NAMES)


def test_an_image_that_changed_since_it_was_indexed_is_refused(folder: Path, draw: Draw) -> None:
    images = [hashed(folder, name) for name in NAMES]
    draw(99, SIZE, SIZE).save(folder / "3.png")
    with pytest.raises(DataError, match=r"3\.png has changed since it was indexed; run `dvc repro` again$"):
        presize(folder, images, Square(SIZE), unfinished(folder))


def test_an_image_that_is_gone_since_it_was_indexed_is_named(folder: Path) -> None:
    images = [hashed(folder, name) for name in NAMES]
    (folder / "3.png").unlink()
    with pytest.raises(DataError, match=r"3\.png is gone since it was indexed; run `dvc repro` again$"):
        presize(folder, images, Square(SIZE), unfinished(folder))


def test_images_of_any_shape_and_mode_fit(tmp_path: Path, draw: Draw) -> None:
    Image.new("L", (40, 10), 50).save(tmp_path / "0.png")
    Image.new("RGBA", (3, 90), (1, 2, 3, 0)).save(tmp_path / "1.png")
    Image.new("RGB", (300, 200), (200, 100, 50)).save(tmp_path / "2.jpg", quality=95)
    into = unfinished(tmp_path, 3)
    presize(tmp_path, [hashed(tmp_path, name) for name in ("0.png", "1.png", "2.jpg")], Square(SIZE), into)
    np.testing.assert_array_equal(into.rows[0], np.full((SIZE, SIZE, 3), 50))
    np.testing.assert_array_equal(into.rows[1], np.full((SIZE, SIZE, 3), 255))
    np.testing.assert_allclose(into.rows[2], np.broadcast_to((200, 100, 50), (SIZE, SIZE, 3)), atol=3)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"size": 7}, "presize.size: input should be greater than or equal to 8; got 7"),
        ({"size": 2049}, "presize.size: input should be less than or equal to 2048; got 2049"),
        (
            {"size": 64, "fit": "crop", "crop": 0.5},
            "fit 'crop' cuts off all .* and crop 0.5 a part of it: leave crop out",
        ),
        ({"size": 64, "fit": "pad", "crop": 1.0}, "fit 'pad' keeps the whole image, and crop 1 cuts off a part of it"),
        ({"size": 64, "fit": "squish"}, "presize.fit: .*'squash', 'crop' or 'pad'; got 'squish'"),
        ({"sise": 64}, r"presize.sise: unknown key \(did you mean 'size'\?\)"),
    ],
    ids=["small", "large", "part of all", "part of the whole", "no fit", "misspelt"],
)
def test_what_makes_no_square_is_refused(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("presize", Presize, value)


@pytest.mark.parametrize(
    ("config", "square"),
    [
        (Presize(size=24, crop=0.5), Square(24, 0.5)),
        (Presize(size=24, fit="squash"), Square(24)),
        (Presize(size=24, fit="crop"), Square(24, 1.0)),
        (Presize(size=24, fit="crop", crop=1.0), Square(24, 1.0)),
        (Presize(size=24, fit="pad", crop=0.0), Square(24, padding=PADDING)),
    ],
    ids=["half", "squash", "crop", "crop twice", "pad"],
)
def test_what_was_done_is_read_back(tmp_path: Path, config: Presize, square: Square) -> None:
    assert config.square(USUAL_DEPTH) == square
    write_square(tmp_path, square)
    assert read_square(tmp_path) == square


@pytest.mark.parametrize(("crop", "wanted"), [(0.0, [2.0, 0.5, 1.0]), (0.5, [1.5, 2 / 3, 1.0]), (1.0, [1.0, 1.0, 1.0])])
def test_aspect_ratio_of_what_a_square_shows(crop: float, wanted: list[float]) -> None:
    images = pd.DataFrame({"width": ["200", "30", "9"], "height": ["100", "60", "9"]})
    assert aspects(images, Square(SIZE, crop)).tolist() == pytest.approx(wanted)
    assert aspects(images, Square(SIZE, padding=PADDING)).tolist() == [1.0, 1.0, 1.0]


def test_the_depth_is_read_from_the_index_and_read_back(tmp_path: Path) -> None:
    rows = {"mode": ["RGB", "I;16", "F"], "black": ["", "0.0", "-1000.0"], "white": ["", "4095.0", "3000.0"]}
    pd.DataFrame({"path": ["a", "b", "c"]} | rows).to_csv(tmp_path / "images.csv", index=False)
    depth = read_depth(tmp_path / "images.csv")
    assert depth == Depth((0, 4095), (-1000, 3000))
    write_square(tmp_path, Square(SIZE, depth=depth))
    assert read_square(tmp_path) == Square(SIZE, depth=depth)


def test_images_of_eight_bits_have_the_usual_depth_which_is_not_written(tmp_path: Path) -> None:
    pd.DataFrame({"path": ["a"], "mode": ["L"], "black": [""], "white": [""]}).to_csv(
        tmp_path / "images.csv", index=False
    )
    assert read_depth(tmp_path / "images.csv") is USUAL_DEPTH
    write_square(tmp_path, Square(SIZE))
    assert "depth" not in (tmp_path / "square.json").read_text()


def test_an_index_of_an_earlier_version_is_told_from_one_without_depth(tmp_path: Path) -> None:
    pd.DataFrame({"path": ["a"], "mode": ["L"]}).to_csv(tmp_path / "images.csv", index=False)
    with pytest.raises(DataError, match=r"images.csv has no columns 'black' and 'white'; run `dvc repro index`"):
        read_depth(tmp_path / "images.csv")
