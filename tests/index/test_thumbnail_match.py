"""Thumbnails are alike when one may be a copy of the other, and not when they only resemble."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from graft.index import thumbnail_match as module
from graft.index.fingerprints import look
from graft.index.thumbnail_match import alike, difference

Draw = Callable[[int, int, int], Image.Image]
Thumbnails = NDArray[np.uint8]


def of(*images: Image.Image) -> Thumbnails:
    return np.stack([look(image).thumbnail for image in images])


def pair(one: Image.Image, other: Image.Image, tolerance: float = 0.05) -> bool:
    first, second = np.array([0]), np.array([1])
    there, back = (alike(thumbnails, first, second, tolerance) for thumbnails in (of(one, other), of(other, one)))
    assert there == back
    return bool(there[0])


def cropped(image: Image.Image, share: float) -> Image.Image:
    across, down = image.width * share, image.height * share
    box = (across, down, image.width - across, image.height - down)
    return image.transform(image.size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "edit",
    [
        lambda image: image,
        lambda image: ImageEnhance.Brightness(image).enhance(0.95),
        lambda image: ImageEnhance.Contrast(image).enhance(1.05),
        lambda image: image.resize((150, 110), Image.Resampling.BICUBIC),
        lambda image: image.convert("L").convert("RGB"),
        lambda image: cropped(image, 0.01),
        lambda image: cropped(image, 0.02),
    ],
    ids=["none", "darker", "more contrast", "half", "grey", "crop 1 %", "crop 2 %"],
)
def test_a_copy_is_alike(draw: Draw, seed: int, edit: Callable[[Image.Image], Image.Image]) -> None:
    image = draw(seed, 300, 220)
    assert pair(image, edit(image))


@pytest.mark.parametrize("seed", range(6))
def test_another_image_a_mirrored_one_and_a_negative_are_not(draw: Draw, seed: int) -> None:
    image = draw(seed, 300, 220)
    assert not pair(image, draw(seed + 100, 300, 220))
    assert not pair(image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert not pair(image, Image.fromarray(255 - np.asarray(image)))


@pytest.mark.parametrize("seed", range(6))
def test_a_spot_that_hardly_matters_on_the_whole_tells_them_apart(
    draw: Draw, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = draw(seed, 320, 320)
    spotted = np.asarray(image).copy()
    spotted[154:166, 154:166] = np.where(spotted[154:166, 154:166].mean() > 127, 0, 255)
    other = Image.fromarray(spotted)
    rest = float(difference(of(image), of(other))[0][0])
    assert rest < 0.15
    assert not pair(image, other, tolerance=1.01 * rest)
    monkeypatch.setattr(module, "PEAK", np.inf)
    assert pair(image, other, tolerance=1.01 * rest)


def test_a_crop_is_measured_and_a_deep_one_is_too_far(draw: Draw) -> None:
    image = draw(0, 320, 320)
    _, _, moved = difference(of(image, image), of(cropped(image, 0.02), cropped(image, 0.06)))
    assert moved[0] == pytest.approx(0.02 * 32, rel=0.2)  # the rim moves by 2 % of the side
    assert moved[1] > module.FARTHEST
    assert not pair(image, cropped(image, 0.06), tolerance=0.2)


def test_equal_thumbnails_do_not_differ_and_flat_ones_do_no_harm(draw: Draw) -> None:
    thumbnails = of(draw(0, 64, 64), Image.new("RGB", (9, 9)), Image.new("RGB", (9, 9), "white"))
    for values in difference(thumbnails, thumbnails):
        assert np.allclose(values, 0, atol=1e-5)
    assert not alike(thumbnails, np.array([0, 0]), np.array([1, 2]), 0.05).any()


def test_batches_and_threads_make_no_difference(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [draw(seed, 80, 60) for seed in range(12)]
    thumbnails = of(*images, *(cropped(image, 0.01) for image in images))
    one, other = np.triu_indices(len(thumbnails), 1)
    expected = alike(thumbnails, one, other, 0.05)
    assert expected[other - one == 12].all()
    assert expected.sum() == 12
    monkeypatch.setattr(module, "_TASK", 7)
    monkeypatch.setattr(module, "_FIT", 2)
    assert (alike(thumbnails, one, other, 0.05) == expected).all()


def test_no_pair_is_no_answer() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert alike(np.zeros((3, 32, 32), dtype=np.uint8), nothing, nothing, 0.05).shape == (0,)
