"""Features are stored picture by picture and view by view, and a killed run goes on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from graft.data.arrays import ImageRows, PartialArray
from graft.network import inference as module
from graft.network.config import Embed
from graft.network.features import Features
from graft.network.inference import embed
from graft.network.network import Network, width
from tests.network.made import TINY, tiny_body

COUNT, SIZE = 40, 36
ALL = Embed(view=32, flips=["none", "horizontal", "vertical", "both"], precision="fp32")


@pytest.fixture
def network() -> Network:
    """A folded tiny network with weights made on the spot, that ends in its features."""
    return Network(Features(tiny_body(), [], ["mean"]), None, TINY).eval()


def store(folder: Path, pixels: np.ndarray) -> ImageRows:
    """Write pixels as `presize` does."""
    folder.mkdir()
    np.save(folder / "pixels.npy", pixels)
    paths = [f"{number:02}.png" for number in range(len(pixels))]
    pd.DataFrame({"path": paths}).to_csv(folder / "rows.csv", index=False)
    return ImageRows(folder / "pixels.npy")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)


def embedded(network: Network, rows: ImageRows, config: Embed, folder: Path) -> np.ndarray:
    """Features of all pictures."""
    into = PartialArray(folder, (len(rows.paths), len(config.flips), width(network)), np.float32)
    embed(network, rows, config, into)
    into.move(folder / "features.npy")
    return np.asarray(np.load(folder / "features.npy"))


def test_a_flipped_view_is_the_flipped_image(network: Network, pixels: np.ndarray, tmp_path: Path) -> None:
    found = embedded(network, store(tmp_path / "as-is", pixels), ALL, tmp_path / "all")
    assert found.shape == (COUNT, 4, width(network))
    assert found.dtype == np.float32
    plain = Embed(view=32, precision="fp32")
    turned = [pixels, pixels[:, :, ::-1], pixels[:, ::-1], pixels[:, ::-1, ::-1]]
    for view, image in enumerate(turned):
        rows = store(tmp_path / f"turned-{view}", np.ascontiguousarray(image))
        alone = embedded(network, rows, plain, tmp_path / f"alone-{view}")
        np.testing.assert_allclose(found[:, view], alone[:, 0], rtol=1e-3, atol=1e-2)
    assert not np.allclose(found[:, 1], found[:, 0], rtol=1e-2, atol=1e-1)


def test_other_views_leave_the_plain_one_as_it_is(network: Network, pixels: np.ndarray, tmp_path: Path) -> None:
    rows = store(tmp_path / "rows", pixels)
    alone = embedded(network, rows, Embed(view=32, precision="fp32"), tmp_path / "alone")
    assert np.array_equal(embedded(network, rows, ALL, tmp_path / "all")[:, :1], alone)


def test_a_killed_run_goes_on_from_its_mark(
    network: Network, pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, shape = store(tmp_path / "rows", pixels), (COUNT, 4, width(network))
    whole = embedded(network, rows, ALL, tmp_path / "whole")
    monkeypatch.setattr(module, "MARK_EVERY", 1)
    into = PartialArray(tmp_path / "cut", shape, np.float32)
    mark = into.mark

    def killed(done: int) -> None:
        mark(done)
        raise KeyboardInterrupt

    monkeypatch.setattr(into, "mark", killed)
    with pytest.raises(KeyboardInterrupt):
        embed(network, rows, ALL, into)
    again = PartialArray(tmp_path / "cut", shape, np.float32)
    assert 0 < again.done < COUNT
    assert embedded(network, rows, ALL, tmp_path / "cut").tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    ("flips", "message"),
    [
        (["horizontal", "none"], "the first must be none, the picture as it is"),
        (["none", "both", "both"], "each view can be named once"),
        ([], "at least 1 item"),
        (["none", "diagonal"], "Input should be 'none', 'horizontal', 'vertical' or 'both'"),
    ],
)
def test_views_that_make_no_sense_are_refused(flips: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Embed(flips=flips)  # type: ignore[arg-type]
