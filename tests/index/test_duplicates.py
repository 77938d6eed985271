"""Copies are grouped, equal or edited, and pictures that only resemble each other are not."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from graft.index.duplicates import Duplicates, conflicts, group
from graft.index.looks import Look, look
from graft.index.near import Near

Edit = Callable[[Image.Image], Image.Image]


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A picture with structure at several scales, as photographs have."""
    generator = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for cells, weight in ((3, 1.0), (8, 0.6), (24, 0.3)):
        coarse = Image.fromarray(generator.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        total += weight * np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    return Image.fromarray((20 + total / total.max() * 200).astype(np.uint8))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


EDITS: dict[str, Edit] = {
    "jpeg 60": lambda image: jpeg(image, 60),
    "jpeg 90": lambda image: jpeg(image, 90),
    "half": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "double": lambda image: image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.95),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.05),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


def grouped(looks: list[Look], near: Near | None = None) -> Duplicates:
    """Group looks; none are skipped among so few."""
    hashes = np.array([one.phash for one in looks], dtype=np.uint64)
    thumbnails = np.stack([one.thumbnail for one in looks])
    found = group([one.pixels for one in looks], hashes, thumbnails, near or "off")
    assert found.skipped == 0
    return found


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_copy_is_found(edit: Edit) -> None:
    pictures = [scene(seed) for seed in range(12)]
    found = grouped([look(one) for one in pictures] + [look(edit(one)) for one in pictures], Near())
    assert found.groups.tolist() == [*range(12), *range(12)]
    assert (found.exact, found.near) == (0, 12)


def test_pictures_of_one_kind_are_not_copies() -> None:
    ground = np.asarray(scene(0), dtype=np.float64)
    looks = []
    for seed in range(1, 20):  # the same scene with one thing different in each
        own = np.asarray(scene(seed), dtype=np.float64)
        looks.append(look(Image.fromarray((0.8 * ground + 0.2 * own).astype(np.uint8))))
    assert grouped(looks, Near()).groups.tolist() == list(range(19))


def test_pictures_of_one_colour_are_copies_only_when_equal() -> None:
    looks = [look(Image.new("RGB", (9, 9), (level, level, level))) for level in (10, 20, 10, 30)]
    assert grouped(looks, Near()).groups.tolist() == [0, 1, 0, 2]


def test_without_near_only_equal_pixels_are_copies() -> None:
    first, second = scene(1), scene(2)
    found = grouped([look(first), look(second), look(jpeg(first, 90)), look(second.copy())])
    assert found.groups.tolist() == [0, 1, 2, 1]
    assert (found.exact, found.near) == (1, 0)


def test_size_counts_for_equality() -> None:
    flat = [look(Image.new("RGB", size, (5, 5, 5))) for size in ((4, 9), (9, 4), (6, 6))]
    assert len({one.pixels for one in flat}) == 3


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(10)))
def test_the_order_of_pictures_only_renumbers_groups(order: list[int]) -> None:
    looks = [*LOOKS, *COPIES]
    straight, turned = grouped(looks, Near()).groups, grouped([looks[place] for place in order], Near()).groups
    for one in range(10):
        for other in range(10):
            same = straight[order[one]] == straight[order[other]]
            assert (turned[one] == turned[other]) == same


LOOKS = [look(scene(seed)) for seed in range(6)]
COPIES = [look(jpeg(scene(seed), 80)) for seed in (0, 0, 3)] + [look(scene(4))]


def test_numbers_follow_first_appearance() -> None:
    found = grouped([*LOOKS, *COPIES], Near())
    assert found.groups.tolist() == [0, 1, 2, 3, 4, 5, 0, 0, 3, 4]


def test_conflicts_are_copies_with_different_labels() -> None:
    images = pd.DataFrame({"path": list("abcdef"), "duplicate_group": [2, 0, 2, 0, 1, 2]})
    labels = pd.DataFrame({"path": list("abcde"), "label": ["cat", "cat", "dog", "cat", "dog"]})
    assert conflicts(images, labels).to_dict("list") == {
        "duplicate_group": [2, 2],
        "path": ["a", "c"],
        "label": ["cat", "dog"],
    }


def test_a_huge_picture_has_the_digest_of_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = look(scene(3)).pixels
    monkeypatch.setattr("graft.index.looks._STRIP", 1000)
    assert look(scene(3)).pixels == whole
