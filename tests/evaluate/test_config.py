"""The knobs of the evaluation have limits."""

from typing import Any

import pytest

from graft.core.errors import ParamsError
from graft.core.params import check
from graft.evaluate.config import Evaluate


def test_defaults() -> None:
    assert check("evaluate", Evaluate, {}) == Evaluate(gallery=24, precision="fp32")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"gallery": 0}, "evaluate.gallery: input should be greater than or equal to 1; got 0"),
        ({"gallery": 501}, "evaluate.gallery: input should be less than or equal to 500; got 501"),
        (
            {"galery": 1},
            r"evaluate.galery: unknown key \(did you mean 'gallery'\?\); the names are abstain, calibrate, .*, review",
        ),
        ({"precision": "half"}, "evaluate.precision: input should be 'auto', 'fp32', 'bf16' or 'fp16'; got 'half'"),
        ({"abstain": {}}, "evaluate.abstain: .*name precision or coverage, one of the two"),
        ({"abstain": {"precision": 1.5}}, "evaluate.abstain.precision: input should be less than 1; got 1.5"),
        ({"flips": ["none", "none"]}, "evaluate.flips: .*each view can be named once"),
        ({"flips": ["sideways"]}, "'none', 'horizontal', 'vertical' or 'both'; got 'sideways'"),
        ({"review": -1}, "evaluate.review: input should be greater than or equal to 0; got -1"),
    ],
    ids=["none", "too many", "misspelt", "precision", "neither", "above one", "twice", "no flip", "negative"],
)
def test_what_is_wrong_is_said(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("evaluate", Evaluate, value)
