"""The numbers furthest from 0 are drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.apps.inspect.tiles import save_bars


def rows(path: Path, colour: tuple[int, int, int]) -> int:
    """Rows of pixels that have a colour."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return int((np.abs(pixels - colour).max(2) < 3).any(1).sum())


@pytest.mark.parametrize("count", [1, 2, 500])
def test_any_count_is_drawn_and_no_name_is_mathematics(tmp_path: Path, count: int) -> None:
    values = np.random.default_rng(0).normal(size=count).astype(np.float32)
    for name in ("a.png", "b.png"):
        save_bars(tmp_path / name, values, [f"$class^{place}" for place in range(count)], "head")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert max(image.size) < 1200


def test_positive_and_negative_numbers_have_their_colours(tmp_path: Path) -> None:
    blue, red = (0x2F, 0x6D, 0xB5), (0xC6, 0x28, 0x28)
    save_bars(tmp_path / "a.png", np.array([3, -2, 1], dtype=np.float32), list("abc"), "head")
    assert rows(tmp_path / "a.png", blue) > 1.5 * rows(tmp_path / "a.png", red) > 0
    save_bars(tmp_path / "b.png", np.array([3, 2, 1], dtype=np.float32), list("abc"), "head")
    assert rows(tmp_path / "b.png", red) == 0
