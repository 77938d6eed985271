"""Values of more than eight bits become eight as the depth says, to the level."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from graft.images.depth import USUAL_DEPTH, Depth, is_wide, own_depth, span_of


def shown(depth: Depth, values: list[Any], dtype: type[np.generic]) -> list[int]:
    image = Image.fromarray(np.array([values], dtype=dtype))
    found: list[int] = np.asarray(depth.shown(image))[0].tolist()
    return found


@pytest.mark.parametrize(
    ("depth", "values", "dtype", "wanted"),
    [
        (USUAL_DEPTH, [0, 255, 256, 32768, 65535], np.uint16, [0, 0, 1, 128, 255]),
        (Depth((0, 4095)), [0, 15, 16, 2048, 4095, 5000], np.uint16, [0, 0, 1, 128, 255, 255]),
        (Depth((0, 255)), [0, 1, 254, 255], np.uint16, [0, 1, 254, 255]),
        (Depth((-1000, 3095)), [-2000, -1000, 1048, 3095], np.int32, [0, 0, 128, 255]),
        (USUAL_DEPTH, [0, 0.5, 1, np.nan, np.inf, -np.inf], np.float32, [0, 127, 255, 0, 255, 0]),
        (USUAL_DEPTH, [-5, 0, 2, 255, 300], np.float32, [0, 0, 2, 255, 255]),
        (Depth(floats=(0, 1000)), [0, 500, 1000], np.float32, [0, 127, 255]),
        (Depth(floats=(-1000, 1000)), [-1000, 0, np.nan], np.float32, [0, 127, 0]),
        (Depth(floats=(3, 3)), [3, 4], np.float32, [0, 0]),
    ],
)
def test_levels_by_hand(depth: Depth, values: list[Any], dtype: type[np.generic], wanted: list[int]) -> None:
    assert shown(depth, values, dtype) == wanted


def test_sixteen_bits_keep_their_upper_eight() -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(np.asarray(USUAL_DEPTH.shown(Image.fromarray(every))), every >> 8)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_wide_modes(mode: str) -> None:
    assert is_wide(mode)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "LAB", "YCbCr"])
def test_other_modes_are_not_wide(mode: str) -> None:
    assert not is_wide(mode)
    assert span_of(Image.new("L", (1, 1))) is None


def test_the_span_passes_over_what_is_not_finite() -> None:
    values = np.array([[np.nan, 7, np.inf, -3]], dtype=np.float32)
    assert span_of(Image.fromarray(values)) == (-3, 7)
    assert span_of(Image.fromarray(np.full((1, 2), np.nan, dtype=np.float32))) == (0, 0)


def test_own_depth_goes_from_the_darkest_to_the_brightest() -> None:
    assert own_depth(Image.fromarray(np.array([[5, 9]], dtype=np.uint16))) == Depth((5, 9))
    assert own_depth(Image.fromarray(np.array([[0.5, 9]], dtype=np.float32))) == Depth(floats=(0.5, 9))


def test_what_is_written_is_read_back() -> None:
    for depth in (USUAL_DEPTH, Depth((0, 4095)), Depth((0, 1), (-1.5, 2))):
        assert Depth.read(depth.written()) == depth
    assert Depth.read({}) == USUAL_DEPTH


@pytest.mark.parametrize("given", [[1], [2, 1], ["0", "1"], [0, float("nan")], 5, [True, 2]])
def test_a_range_is_two_numbers(given: Any) -> None:
    with pytest.raises(ValueError, match=r"^floats must be two numbers, of black and of white; it is "):
        Depth.read({"floats": given})
