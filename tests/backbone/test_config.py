"""A backbone is pretrained."""

import pytest
from pydantic import ValidationError

from graft.backbone.config import Backbone, Backbones, listed
from graft.core import params
from graft.core.errors import ParamsError


@pytest.mark.parametrize("weights", [None, "", "random"])
def test_weights_must_be_pretrained(weights: str | None) -> None:
    with pytest.raises(ValidationError, match=r"starts from pretrained weights, .*; allowed are timm://"):
        Backbone.model_validate({"name": "resnet18", "weights": weights, "licence": "none"})


ONE = {"name": "resnet18", "weights": "timm://resnet18", "licence": "none"}


def test_a_section_is_one_network_or_several() -> None:
    for value, names in ((ONE, ["resnet18"]), ([ONE, ONE | {"name": "resnet34"}], ["resnet18", "resnet34"])):
        assert [one.name for one in listed(params.check("backbone", Backbones, value))] == names


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (ONE | {"nam": "x"}, r"backbone.nam: unknown key \(did you mean 'name'\?\)"),
        ([ONE, {"name": "resnet34", "licence": "none"}], "backbone.1.weights: missing"),
        ([ONE], "at least 2 item"),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(value: object, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        params.check("backbone", Backbones, value)
