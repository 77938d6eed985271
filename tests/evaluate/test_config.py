"""The config of the evaluation has limits."""

from typing import Any

import pytest

from graft.core.errors import ParamsError
from graft.core.params import check
from graft.evaluate.config import Evaluate


def test_defaults() -> None:
    assert check("evaluate", Evaluate, {}) == Evaluate(tta=["none"], precision="fp32", interpret=["test"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            {"calibrat": True},
            r"evaluate.calibrat: unknown key \(did you mean 'calibrate'\?\); the names are abstain, calibrate, .*, tta",
        ),
        ({"precision": "half"}, "evaluate.precision: input should be 'auto', 'fp32', 'bf16' or 'fp16'; got 'half'"),
        ({"abstain": {}}, "evaluate.abstain: .*name precision or coverage, one of the two"),
        ({"abstain": {"precision": 1.5}}, "evaluate.abstain.precision: input should be less than 1; got 1.5"),
        ({"tta": ["none", "none"]}, "evaluate.tta: .*each flip can be named once"),
        ({"interpret": ["valid"]}, r"evaluate.interpret: .*test is always interpreted, .*; got \['valid'\]"),
        ({"interpret": ["test", "train"]}, "'test' or 'valid'; got 'train'"),
        ({"tta": ["sideways"]}, "'none', 'horizontal', 'vertical' or 'both'; got 'sideways'"),
    ],
    ids=["misspelt", "precision", "neither", "above one", "twice", "without test", "train", "no flip"],
)
def test_what_is_wrong_is_said(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("evaluate", Evaluate, value)
