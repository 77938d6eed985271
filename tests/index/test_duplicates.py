"""Copies share a group, numbered by first appearance; different images do not, however alike."""

import importlib.util
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

from graft.images.decode import decode
from graft.index import duplicates
from graft.index.config import NearDuplicates
from graft.index.duplicates import Duplicates, conflicts, find_duplicates, tangent_distance, thumbnails_match
from graft.index.fingerprints import Fingerprint, fingerprint

Draw = Callable[[int, int, int], Image.Image]


def grouped(prints: Sequence[Fingerprint], near: NearDuplicates | None = None) -> Duplicates:
    hashes = np.array([each.phash for each in prints], dtype=np.uint64)
    thumbnails = np.array([each.thumbnail for each in prints], dtype=np.uint8).reshape(-1, 32, 32)
    chroma = np.array([each.chroma for each in prints], dtype=np.uint8).reshape(-1, 8, 8, 2)
    return find_duplicates([each.pixels for each in prints], hashes, thumbnails, near or NearDuplicates(), chroma)


def photo(seed: int) -> Image.Image:
    """A picture with detail of every size, less the finer it is, as photographs have."""
    rng = np.random.default_rng(seed)
    octaves = [
        np.asarray(
            Image.fromarray(rng.normal(0, 60 / 1.6**octave, (3 << octave, 4 << octave)).astype(np.float32)).resize(
                (320, 240), Image.Resampling.BICUBIC
            )
        )
        for octave in range(6)
    ]
    grey = np.clip(128 + np.sum(octaves, axis=0), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 95": lambda image: jpeg(image, 95),
    "JPEG 60": lambda image: jpeg(image, 60),
    "half": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC),
    "double": lambda image: image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.95),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.05),
    "crop": lambda image: image.crop((3, 3, image.width - 3, image.height - 3)),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_copy_is_tied_to_its_original_only(edit: Callable[[Image.Image], Image.Image]) -> None:
    images = [photo(seed) for seed in range(8)]
    found = grouped([fingerprint(image) for image in images] + [fingerprint(edit(image)) for image in images])
    assert found.groups.tolist() == [*range(8), *range(8)]
    assert (found.exact, found.near, found.skipped) == (0, 8, 0)


def shirt(colour: tuple[int, int, int], seed: int = 0) -> Image.Image:
    """A silhouette on white, as a shop shows one product in several colours."""
    image = Image.new("RGB", (96, 96), "white")
    corners = np.random.default_rng(seed).integers(8, 88, (6, 2))
    ImageDraw.Draw(image).polygon([(int(x), int(y)) for x, y in corners], fill=colour)
    return image


def test_one_shape_in_several_colours_is_no_copy() -> None:
    colours = [(200, 30, 30), (20, 130, 20), (60, 60, 230)]
    found = grouped([fingerprint(shirt(colour)) for colour in colours])
    assert found.groups.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "edit", [*EDITS.values(), lambda image: image.convert("L").convert("RGB")], ids=[*EDITS, "grey"]
)
def test_a_copy_in_the_same_colours_or_without_any_is_one(edit: Callable[[Image.Image], Image.Image]) -> None:
    image = Image.merge("RGB", [photo(seed).getchannel(0) for seed in (0, 1, 2)])
    assert grouped([fingerprint(image), fingerprint(edit(image))]).groups.tolist() == [0, 0]


def test_off_groups_equal_pixels_only(draw: Draw) -> None:
    image, other = draw(0, 300, 220), draw(1, 300, 220)
    prints = [fingerprint(each) for each in (image, jpeg(image, 90), other, image, other)]
    found = find_duplicates(
        [each.pixels for each in prints], np.zeros(5, np.uint64), np.zeros((5, 32, 32), np.uint8), "off"
    )
    assert found.groups.tolist() == [0, 1, 2, 0, 2]
    assert (found.exact, found.near, found.skipped) == (2, 0, 0)
    assert grouped(prints).groups.tolist() == [0, 0, 1, 0, 1]


@pytest.mark.slow
def test_groups_are_connected_components() -> None:
    """Fading towards another picture step by step ties the two ends, which are nothing alike."""
    steps = [fingerprint(Image.blend(photo(0), photo(1), share)) for share in np.linspace(0, 1, 80)]
    assert len(set(grouped([steps[0], steps[-1]]).groups)) == 2
    assert len(set(grouped(steps).groups)) == 1


def test_nearly_flat_images_are_grouped_by_pixels_only() -> None:
    flat = [Image.new("RGB", (40, 40), (level, level, level)) for level in (10, 11, 12, 10, 200)]
    found = grouped([fingerprint(image) for image in flat])
    assert found.groups.tolist() == [0, 1, 2, 0, 3]
    assert (found.exact, found.near) == (1, 0)


def test_nothing_and_one(draw: Draw) -> None:
    assert grouped([]).groups.shape == (0,)
    assert grouped([fingerprint(draw(0, 20, 20))]).groups.tolist() == [0]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=24), st.randoms(use_true_random=False))
def test_order_changes_nothing_but_the_numbers(made: list[tuple[int, int]], random: object) -> None:
    prints = [_made(*each) for each in made]
    order = list(range(len(prints)))
    random.shuffle(order)  # type: ignore[attr-defined]
    numbers = grouped(prints).groups
    shuffled = grouped([prints[place] for place in order]).groups
    assert len(set(zip(numbers[order].tolist(), shuffled.tolist(), strict=True))) == len(set(numbers.tolist()))
    assert numbers.tolist() == pd.factorize(numbers)[0].tolist()  # by first appearance
    by_pixels = pd.factorize(np.array([each.pixels for each in prints]))[0].tolist()
    pairs = set(zip(by_pixels, numbers.tolist(), strict=True))
    assert len(pairs) == len(set(by_pixels))  # equal pixels, one group


def _made(kind: int, noise: int) -> Fingerprint:
    """A picture of a kind, with a little noise of its own; noise 0 is the picture itself."""
    waves = np.random.default_rng(kind).normal(size=(4, 4)) * 60 + 128
    smooth = np.asarray(Image.fromarray(waves.astype(np.float32)).resize((48, 48), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(noise).normal(size=smooth.shape) * (2 if noise else 0)
    return fingerprint(Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).convert("RGB"))


def _alike_but_different(count: int) -> tuple[list[str], NDArray[np.uint64], NDArray[np.uint8]]:
    """Pictures that share a hash, as thousands of X-rays may, and differ all the same."""
    noise = np.random.default_rng(0).integers(0, 256, (count, 32, 32), dtype=np.uint8)
    return [str(number) for number in range(count)], np.full(count, 5, dtype=np.uint64), noise


@pytest.mark.slow
def test_a_crowd_that_shares_a_hash_is_told_apart_and_its_copies_are_found() -> None:
    pixels, hashes, thumbnails = _alike_but_different(300)
    thumbnails[200:] = (thumbnails[:100] * 0.9 + 10).astype(np.uint8)
    found = find_duplicates(pixels, hashes, thumbnails, NearDuplicates())
    assert found.groups.tolist() == [*range(200), *range(100)]
    assert found.skipped == 0


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many thumbnails were compared, call by call."""
    calls: list[int] = []
    match = duplicates.thumbnails_match

    def counted(
        thumbnails: NDArray[np.uint8], one: NDArray[np.int64], other: NDArray[np.int64], *rest: Any
    ) -> NDArray[np.bool_]:
        calls.append(len(one))
        return match(thumbnails, one, other, *rest)

    monkeypatch.setattr(duplicates, "thumbnails_match", counted)
    return calls


def test_comparisons_are_bounded_and_those_skipped_are_counted(
    compared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, hashes, thumbnails = _alike_but_different(300)
    monkeypatch.setattr(duplicates, "MAX_COMPARISONS", 300 * 10)
    monkeypatch.setattr("graft.index.hamming._FLUSH", 64)
    found = find_duplicates(pixels, hashes, thumbnails, NearDuplicates())
    assert found.near == 0
    assert sum(compared) + found.skipped == 300 * 299 // 2
    assert sum(compared) < 300 * 30


def test_what_is_tied_is_not_compared_again(compared: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, hashes, thumbnails = _alike_but_different(200)
    thumbnails[:] = thumbnails[0]
    monkeypatch.setattr(duplicates, "_REGROUP", 1)
    monkeypatch.setattr("graft.index.hamming._FLUSH", 1)
    assert set(find_duplicates(pixels, hashes, thumbnails, NearDuplicates()).groups.tolist()) == {0}
    assert sum(compared) == 199


def test_thumbnails_may_lie_on_disk(tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_READ", 3)
    images = [draw(seed % 7, 64, 64) for seed in range(7)]
    prints = [fingerprint(image) for image in images] + [fingerprint(jpeg(image, 80)) for image in images]
    mapped = np.memmap(tmp_path / "thumbnails", np.uint8, "w+", shape=(14, 32, 32))
    mapped[:] = [each.thumbnail for each in prints]
    hashes = np.array([each.phash for each in prints])
    found = find_duplicates([each.pixels for each in prints], hashes, mapped, NearDuplicates())
    assert found.groups.tolist() == grouped(prints).groups.tolist() == [*range(7), *range(7)]


@pytest.fixture(scope="module")
def cells() -> list[Image.Image]:
    """A hundred and twenty cells of solar modules that look as alike as can be."""
    spec = importlib.util.find_spec("elpv_dataset")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    paths = sorted(Path(spec.submodule_search_locations[0], "data", "images").glob("*.png"))
    return [decode(path).image for path in paths[1200:1260] + paths[1500:1560]]


@pytest.mark.slow
def test_different_solar_cells_are_not_tied_but_their_copies_are(cells: list[Image.Image]) -> None:
    prints = [fingerprint(cell) for cell in cells]
    assert len(set(grouped(prints).groups.tolist())) == len(cells)
    copies = [fingerprint(jpeg(cell, 75)) for cell in cells]
    found = grouped(prints + copies).groups
    assert (found[: len(cells)] == found[len(cells) :]).all()
    assert len(set(grouped(prints, NearDuplicates(tolerance=0.2)).groups.tolist())) < len(cells)  # the check is needed


def test_conflicts_list_groups_of_more_than_one_label() -> None:
    images = pd.DataFrame({"path": list("fedcbaz"), "duplicate_group": [1, 1, 0, 0, 2, 1, 2]})
    labels = pd.DataFrame({"path": list("abcdef"), "label": ["x", "x", "y", "y", "x", "z"], "group": ""})
    table = conflicts(images, labels)
    assert list(table.columns) == ["duplicate_group", "path", "label"]
    assert table.to_numpy().tolist() == [[1, "a", "x"], [1, "e", "x"], [1, "f", "z"]]
    assert table.index.tolist() == [0, 1, 2]


def test_no_conflict_is_an_empty_table() -> None:
    images = pd.DataFrame({"path": ["a", "b"], "duplicate_group": [0, 0]})
    table = conflicts(images, pd.DataFrame({"path": ["a", "b"], "label": ["x", "x"]}))
    assert list(table.columns) == ["duplicate_group", "path", "label"]
    assert len(table) == 0


Thumbnails = NDArray[np.uint8]


def of(*images: Image.Image) -> Thumbnails:
    return np.stack([fingerprint(image).thumbnail for image in images])


def pair(one: Image.Image, other: Image.Image, tolerance: float = 0.05) -> bool:
    first, second = np.array([0]), np.array([1])
    there, back = (
        thumbnails_match(thumbnails, first, second, tolerance) for thumbnails in (of(one, other), of(other, one))
    )
    assert there == back
    return bool(there[0])


def cropped(image: Image.Image, share: float) -> Image.Image:
    across, down = image.width * share, image.height * share
    box = (across, down, image.width - across, image.height - down)
    return image.transform(image.size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)


@pytest.mark.slow
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
    rest = float(tangent_distance(of(image), of(other))[0][0])
    assert rest < 0.15
    assert not pair(image, other, tolerance=1.01 * rest)
    monkeypatch.setattr(duplicates, "PEAK", np.inf)
    assert pair(image, other, tolerance=1.01 * rest)


def test_a_crop_is_measured_and_a_deep_one_is_too_far(draw: Draw) -> None:
    image = draw(0, 320, 320)
    _, _, moved = tangent_distance(of(image, image), of(cropped(image, 0.02), cropped(image, 0.06)))
    assert moved[0] == pytest.approx(0.02 * 32, rel=0.2)  # the rim moves by 2 % of the side
    assert moved[1] > duplicates.MAX_SHIFT
    assert not pair(image, cropped(image, 0.06), tolerance=0.2)


def test_equal_thumbnails_do_not_differ_and_flat_ones_do_no_harm(draw: Draw) -> None:
    thumbnails = of(draw(0, 64, 64), Image.new("RGB", (9, 9)), Image.new("RGB", (9, 9), "white"))
    for values in tangent_distance(thumbnails, thumbnails):
        assert np.allclose(values, 0, atol=1e-5)
    assert not thumbnails_match(thumbnails, np.array([0, 0]), np.array([1, 2]), 0.05).any()


def test_batches_and_threads_make_no_difference(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [draw(seed, 80, 60) for seed in range(12)]
    thumbnails = of(*images, *(cropped(image, 0.01) for image in images))
    one, other = np.triu_indices(len(thumbnails), 1)
    expected = thumbnails_match(thumbnails, one, other, 0.05)
    assert expected[other - one == 12].all()
    assert expected.sum() == 12
    monkeypatch.setattr(duplicates, "_READ", 7)
    monkeypatch.setattr(duplicates, "_FIT", 2)
    assert (thumbnails_match(thumbnails, one, other, 0.05) == expected).all()


def test_no_pair_is_no_answer() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert thumbnails_match(np.zeros((3, 32, 32), dtype=np.uint8), nothing, nothing, 0.05).shape == (0,)
