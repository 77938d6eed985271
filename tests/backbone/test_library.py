"""A plain name is timm's if timm has it; the prefix asks for torchvision's."""

import pytest

from graft.backbone import timm_models, torchvision_models
from graft.backbone.library import find
from graft.core.errors import WeightsError


def test_plain_name_is_timms_first() -> None:
    assert find("resnet18").library is timm_models
    assert find("resnet18.a1_in1k").name == "resnet18.a1_in1k"
    assert find("torchvision/resnet18").library is torchvision_models
    assert find("torchvision/resnet18").name == "resnet18"


def test_name_that_only_torchvision_has_needs_no_prefix() -> None:
    assert find("alexnet").library is torchvision_models


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alexnett", r"neither timm nor torchvision has 'alexnett' \(did you mean 'alexnet'\?\)"),
        ("torchvision/resnet43", r"torchvision has no classifier 'resnet43' \(did you mean 'torchvision/resnet34'\?\)"),
        ("torchvision/fcn_resnet50", r"torchvision has no classifier 'fcn_resnet50'"),
    ],
)
def test_unknown_name_suggests_the_nearest(name: str, message: str) -> None:
    with pytest.raises(WeightsError, match="backbone.name: " + message):
        find(name)
