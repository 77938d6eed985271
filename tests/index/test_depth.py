"""The depth is one over all files; what may come out dark or cut off is warned of."""

import pandas as pd
import pytest
from pydantic import ValidationError

from graft.images.depth import USUAL_DEPTH, Depth
from graft.index.config import Index, Wanted
from graft.index.depth import find_depth


def table(*rows: tuple[str, float | None, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["mode", "darkest", "brightest"])


@pytest.mark.parametrize(
    ("mode", "spans", "wanted", "depth"),
    [
        ("I;16", [(3, 3900), (0, 4095)], "auto", Depth((0, 4095))),
        ("I;16", [(3, 900), (0, 1023)], "auto", Depth((0, 1023))),
        ("I;16", [(3, 255)], "auto", Depth((0, 255))),
        ("I;16B", [(3, 65000)], "auto", Depth((0, 65535))),
        ("I", [(-1000, 3000), (-900, 2000)], "auto", Depth((-1000, 3000))),
        ("I", [(0, 25_500_000)], "auto", Depth((0, 25_500_000))),
        ("F", [(0, 0.7), (0.1, 1)], "auto", Depth(floats=(0, 1))),
        ("F", [(0, 254.5)], "auto", Depth(floats=(0, 255))),
        ("F", [(0, 1020), (5, 900)], "auto", Depth(floats=(0, 1020))),
        ("F", [(-0.1, 0.9)], "auto", Depth(floats=(-0.1, 0.9))),
        ("I;16", [(0, 3900)], 16, Depth((0, 65535))),
        ("I;16", [(0, 3900)], [100, 3000], Depth((100, 3000))),
        ("F", [(0, 0.5)], [0, 0.5], Depth(floats=(0, 0.5))),
        ("F", [(0, 0.5)], 12, Depth(floats=(0, 1))),
    ],
)
def test_one_depth_for_all_files(mode: str, spans: list[tuple[float, float]], wanted: Wanted, depth: Depth) -> None:
    images = table(*((mode, *span) for span in spans))
    found = find_depth(images, wanted)
    assert found.depth == depth
    black, white = depth.integers if mode != "F" else depth.floats or (None, None)
    assert images["black"].tolist() == [black] * len(spans)
    assert images["white"].tolist() == [white] * len(spans)


def test_images_of_eight_bits_have_no_depth_and_nothing_is_said() -> None:
    images = table(("RGB", None, None), ("L", None, None))
    found = find_depth(images, 12)
    assert (found.depth, found.told, found.warnings) == (USUAL_DEPTH, [], [])
    assert images["white"].isna().all()


def test_an_empty_index_has_no_depth() -> None:
    assert find_depth(table(), "auto").depth == USUAL_DEPTH


def test_what_was_found_is_told() -> None:
    told = find_depth(table(("I;16", 3, 3900), ("I;16", 0, 4001)), "auto").told
    assert told == [
        "2 pictures hold more than 8 bits, 0 to 4001: 0 is shown as black and 4095 as white, found over all of them"
    ]


def test_each_kind_of_values_has_its_own_range() -> None:
    found = find_depth(table(("I;16", 0, 4000), ("F", 0, 1)), "auto")
    assert found.depth == Depth((0, 4095), (0, 1))
    assert len(found.told) == 2


def test_eight_bits_among_more_are_warned_of() -> None:
    (warning,) = find_depth(table(("L", None, None), ("I;16", 0, 4000)), "auto").warnings
    assert warning.startswith("1 of 2 pictures hold more than 8 bits and the others do not")


def test_fewer_bits_among_more_are_warned_of() -> None:
    (warning,) = find_depth(table(*[("I;16", 0, 4000)] * 5, ("I;16", 0, 65535)), "auto").warnings
    assert warning.startswith("half of the 6 pictures of more than 8 bits are nearly black, at most 4000 where 65535")
    assert "index.depth" in warning
    assert not find_depth(table(("I;16", 0, 4000), *[("I;16", 0, 65535)] * 5), "auto").warnings


def test_values_that_are_cut_off_are_warned_of() -> None:
    (warning,) = find_depth(table(("I;16", 0, 4000), ("I;16", 0, 5000)), 12).warnings
    assert warning.startswith(
        "1 of the 2 pictures of more than 8 bits hold values outside 0 to 4095, which are cut off"
    )


@pytest.mark.parametrize("depth", [9, "12 bits", [5], [5, 5], [1, 2, 3]])
def test_a_depth_is_bits_or_a_range(depth: object) -> None:
    with pytest.raises(ValidationError):
        Index.model_validate({"depth": depth})
