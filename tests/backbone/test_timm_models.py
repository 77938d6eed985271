"""timm's architectures lose their classifier, take pictures of other sizes; its table of weights is read."""

import copy

import pytest
import torch
from torch import nn

from graft.backbone import timm_models
from graft.core.errors import ParamsError, WeightsError

pytestmark = pytest.mark.slow

SPREAD = [
    ("resnet18", 512),
    ("test_vit", 64),
    ("deit_tiny_distilled_patch16_224", 192),
    ("convnext_atto", 320),
    ("swin_tiny_patch4_window7_224", 768),
    ("efficientnet_b0", 1280),
    ("mobilenetv3_small_050", 1024),
    ("densenet121", 1024),
    ("vgg11", 4096),
]


@pytest.mark.parametrize(("name", "width"), SPREAD)
def test_body_gives_a_vector_for_views_of_any_size(name: str, width: int) -> None:
    body = timm_models.body(name, 0.0)
    assert not any(buffer.is_meta for buffer in body.buffers())
    assert set(body.state_dict()) < set(timm_models.whole(name).state_dict())
    for side in {timm_models.native_size(name), 96}:
        given = copy.deepcopy(body).to("meta")(torch.zeros((2, 3, side, side), device="meta"))
        assert given.shape == (2, width)


def rates(model: nn.Module) -> list[float]:
    return [float(module.drop_prob) for module in model.modules() if type(module).__name__ == "DropPath"]  # type: ignore[arg-type]


def test_stochastic_depth_has_no_tensors() -> None:
    deep, plain = timm_models.body("resnet18", 0.2), timm_models.body("resnet18", 0.0)
    assert max(rates(deep)) == pytest.approx(0.2)
    assert not any(rates(plain))
    assert deep.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize("name", ["vgg11", "densenet121"])
def test_stochastic_depth_is_refused_where_there_is_none(name: str) -> None:
    with pytest.raises(ParamsError, match=f"{name} has no stochastic depth; it takes 0, not 0.1"):
        timm_models.body(name, 0.1)


def test_tag_tells_the_address_and_the_preprocessing() -> None:
    entry = timm_models.published("resnet34.a1_in1k")
    assert entry.address.endswith("/timm/resnet34.a1_in1k/resolve/main/model.safetensors")
    assert entry.preprocessing.mean == [0.485, 0.456, 0.406]
    assert timm_models.published("vit_tiny_patch16_224.augreg_in21k").preprocessing.mean == [0.5, 0.5, 0.5]


def test_architecture_alone_is_its_first_tag() -> None:
    assert timm_models.published("resnet34") == timm_models.published("resnet34.a1_in1k")


def test_weights_outside_the_hub_keep_their_address() -> None:
    assert timm_models.published("legacy_xception.tf_in1k").address.endswith(".pth")


def test_hub_file_of_a_revision() -> None:
    address = timm_models.hub_address("someone/net@v2", "weights.bin")
    assert address.endswith("/someone/net/resolve/v2/weights.bin")


@pytest.mark.parametrize("reference", ["resnet34.a1_in2k", "resnet43.a1_in1k", "coatnet_0_224"])
def test_unknown_weights_suggest_the_nearest(reference: str) -> None:
    with pytest.raises(WeightsError, match=rf"timm has no weights '{reference}' \(did you mean '\w+\.\w+'\?\)"):
        timm_models.published(reference)


def test_tag_of_a_name_must_exist() -> None:
    assert timm_models.has("resnet34.a1_in1k")
    assert not timm_models.has("alexnet")
    with pytest.raises(WeightsError, match=r"timm has no weights 'resnet34.a9_in1k' \(did you mean 'resnet34"):
        timm_models.has("resnet34.a9_in1k")
