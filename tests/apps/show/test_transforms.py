"""Each tile shows the change that it names and no other; what is off is faded."""

import numpy as np
import pytest

from graft.apps.show.transforms import STILL, TRANSFORMS, transform_tiles
from graft.augment.config import Augment
from graft.data.dataset import LabelledImages
from tests.finetune.conftest import images

__all__ = ["images"]

EVERY = Augment(strength="strong", min_scale=0.3)


def tiles(images: LabelledImages, config: Augment) -> dict[str, tuple[str, np.ndarray]]:
    found = transform_tiles(images, 1, config, 32, 0)
    return {tile.lines[0]: (tile.lines[1], tile.pixels) for tile in found}


def test_there_is_a_tile_for_each_change(images: LabelledImages) -> None:
    found = tiles(images, EVERY)
    assert list(found) == ["resize", *TRANSFORMS, "composed"]
    assert {name: text for name, (text, _) in found.items()} == {
        "resize": "32 x 32",
        "crop": "keeps 30% or more",
        "zoom": "off",  # the crop takes its place
        "flip": "horizontal",
        "rotate": "up to 20 degrees",
        "warp": "up to 0.3",
        "lighting": "up to 0.4",
        "erase": "25% of images",
        "composed": "32 x 32",
    }
    original = found["resize"][1]
    assert np.array_equal(original, images.pixels.array[1])
    assert np.array_equal(found["flip"][1], original[:, ::-1])
    for name in ("crop", "rotate", "warp", "lighting", "erase"):
        assert np.abs(found[name][1].astype(int) - original).mean() > 2, name


def test_what_is_off_is_faded(images: LabelledImages) -> None:
    found = tiles(images, STILL)
    original = found["resize"][1]
    assert np.array_equal(found["composed"][1], original)
    for name in TRANSFORMS:
        text, pixels = found[name]
        assert text == "off"
        assert np.abs(pixels - (255 - (255 - original.astype(float)) / 4)).max() <= 1


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "zoom"])
def test_a_change_alone_is_made_to_every_image(name: str) -> None:
    alone = TRANSFORMS[name].alone(EVERY)
    assert alone is not None
    changed = {key for key, value in alone if value != getattr(STILL, key)}
    assert changed == {TRANSFORMS[name].key}
    assert alone.p == 1
    assert name != "erase" or alone.erase == 1
