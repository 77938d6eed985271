"""Images are seen at the right size, flips are flips, features are stored in order, and a killed run goes on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from graft.data.arrays import ImageRows, PartialArray
from graft.network import inference as module
from graft.network.config import Embed
from graft.network.features import Features
from graft.network.head import Head
from graft.network.inference import FlipTTA, batch_size, embed, resize
from graft.network.network import Network, width
from tests.network.tiny_network import TINY, tiny_body

COUNT, SIZE = 40, 36
ALL = Embed(size=32, flips=["none", "horizontal", "vertical", "both"], precision="fp32")


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
    """Features of all images."""
    into = PartialArray(folder, (len(rows.paths), len(config.flips), width(network)), np.float32)
    embed(network, rows, config, into)
    into.move(folder / "features.npy")
    return np.asarray(np.load(folder / "features.npy"))


def test_flipped_features_are_those_of_the_flipped_image(network: Network, pixels: np.ndarray, tmp_path: Path) -> None:
    found = embedded(network, store(tmp_path / "as-is", pixels), ALL, tmp_path / "all")
    assert found.shape == (COUNT, 4, width(network))
    assert found.dtype == np.float32
    plain = Embed(size=32, precision="fp32")
    turned = [pixels, pixels[:, :, ::-1], pixels[:, ::-1], pixels[:, ::-1, ::-1]]
    for view, image in enumerate(turned):
        rows = store(tmp_path / f"turned-{view}", np.ascontiguousarray(image))
        alone = embedded(network, rows, plain, tmp_path / f"alone-{view}")
        np.testing.assert_allclose(found[:, view], alone[:, 0], rtol=1e-3, atol=1e-2)
    assert not np.allclose(found[:, 1], found[:, 0], rtol=1e-2, atol=1e-1)


def test_other_flips_leave_the_plain_features_as_they_are(network: Network, pixels: np.ndarray, tmp_path: Path) -> None:
    rows = store(tmp_path / "rows", pixels)
    alone = embedded(network, rows, Embed(size=32, precision="fp32"), tmp_path / "alone")
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
        (["horizontal", "none"], "the first must be none, the image as it is"),
        (["none", "both", "both"], "each can be named once"),
        ([], "at least 1 item"),
        (["none", "diagonal"], "Input should be 'none', 'horizontal', 'vertical' or 'both'"),
    ],
)
def test_flips_that_make_no_sense_are_refused(flips: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Embed(flips=flips)  # type: ignore[arg-type]


def test_tta_is_the_mean_over_the_flips() -> None:
    network = Network(Features(tiny_body(), [], ["mean"]), Head(256, 2), TINY).eval()
    images = torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(FlipTTA(network, ["none"])(images), network(images), rtol=0, atol=0)
        wanted = (network(images) + network(images.flip(3)) + network(images.flip(2)) + network(images.flip(2, 3))) / 4
        torch.testing.assert_close(FlipTTA(network, ["none", "horizontal", "vertical", "both"])(images), wanted)
        # a mirrored image is answered alike
        twice = FlipTTA(network, ["none", "horizontal"])
        torch.testing.assert_close(twice(images), twice(images.flip(3)))


def test_an_image_at_its_own_size_is_itself(pixels: np.ndarray) -> None:
    wanted = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(resize(torch.from_numpy(pixels), SIZE), wanted)


@pytest.mark.parametrize(
    ("device", "size", "wanted"),
    [("cuda", 224, 256), ("cuda", 448, 64), ("cuda", 64, 256), ("cuda", 9000, 1), ("mps", 448, 16), ("cpu", 448, 16)],
)
def test_of_large_images_fewer_go_together(device: str, size: int, wanted: int) -> None:
    assert batch_size(torch.device(device), size) == wanted


def test_a_gpu_gives_what_a_cpu_gives_in_batches_of_one_shape(
    network: Network, pixels: np.ndarray, tmp_path: Path, cuda: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = store(tmp_path / "rows", pixels)
    seen: set[int] = set()
    network.register_forward_pre_hook(lambda _, given: seen.add(len(given[0])))
    found = embedded(network, rows, ALL, tmp_path / "gpu")
    assert network.mean.device.type == cuda.type
    assert seen == {2, 256}  # two by `width`
    monkeypatch.setattr(module, "pick_device", lambda: torch.device("cpu"))
    np.testing.assert_allclose(found, embedded(network, rows, ALL, tmp_path / "cpu"), rtol=1e-3, atol=1e-2)
