"""torchvision's classifiers lose their last layer and nothing else; its table of weights is read."""

import copy

import pytest
import torch

from graft.backbone import torchvision_models
from graft.core.errors import ParamsError, WeightsError

LIGHT = [
    ("alexnet", "classifier.6", 4096),
    ("densenet121", "classifier", 1024),
    ("efficientnet_b0", "classifier.1", 1280),
    ("googlenet", "fc", 1024),
    ("inception_v3", "fc", 2048),
    ("maxvit_t", "classifier.5", 512),
    ("mnasnet0_5", "classifier.1", 1280),
    ("mobilenet_v3_small", "classifier.3", 1024),
    ("regnet_y_400mf", "fc", 440),
    ("resnet18", "fc", 512),
    ("shufflenet_v2_x0_5", "fc", 1024),
    ("squeezenet1_1", "classifier.1", 512),
    ("swin_t", "head", 768),
    ("convnext_tiny", "classifier.2", 768),
    ("vgg11_bn", "classifier.6", 4096),
    ("vit_b_32", "heads.head", 768),
]


@pytest.mark.parametrize(("name", "classifier", "width"), LIGHT)
def test_body_gives_a_vector_and_lacks_the_classifier_alone(name: str, classifier: str, width: int) -> None:
    body = torchvision_models.body(name, 0.0)
    side = torchvision_models.side(name)
    given = copy.deepcopy(body).to("meta")(torch.zeros((2, 3, side, side), device="meta"))
    assert given.shape == (2, width)
    whole = torchvision_models.whole(name).state_dict()
    gone = {key.rpartition(".")[0] for key in set(whole) - set(body.state_dict())}
    assert {layer for layer in gone if not layer.lower().startswith("aux")} == {classifier}


def test_transformed_input_is_what_published_weights_were_trained_on() -> None:
    assert torchvision_models.body("googlenet", 0.0).transform_input
    assert torchvision_models.body("googlenet", 0.0).aux1 is None


def test_deepest_block_is_left_out_at_the_rate_asked_for() -> None:
    depths = [module for module in torchvision_models.body("swin_t", 0.3).modules() if hasattr(module, "p")]
    rates = [module.p for module in depths if type(module).__name__ == "StochasticDepth"]
    assert rates == sorted(rates)  # type: ignore[type-var]
    assert rates[0] == 0.0
    assert rates[-1] == pytest.approx(0.3)
    without = torchvision_models.body("swin_t", 0.0)
    assert all(module.p == 0 for module in without.modules() if type(module).__name__ == "StochasticDepth")
    assert without.state_dict().keys() == torchvision_models.body("swin_t", 0.3).state_dict().keys()


def test_stochastic_depth_is_refused_where_there_is_none() -> None:
    with pytest.raises(ParamsError, match=r"alexnet has no stochastic depth; it takes 0, not 0\.1"):
        torchvision_models.body("alexnet", 0.1)


@pytest.mark.parametrize("reference", ["DEFAULT", "IMAGENET1K_V1", "ResNet34_Weights.IMAGENET1K_V1"])
def test_entry_gives_an_address(reference: str) -> None:
    entry = torchvision_models.published(reference, "resnet34")
    assert entry.address.endswith("/resnet34-b627a593.pth")
    assert entry.preprocessing.std == [0.229, 0.224, 0.225]


def test_other_architectures_entry_gives_its_own_preprocessing() -> None:
    entry = torchvision_models.published("EfficientNet_V2_L_Weights.DEFAULT", "resnet34")
    assert entry.preprocessing.mean == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("ResNet34_Weights.IMAGENET1K_V9", "resnet18"),
        ("IMAGENET1K_V9", "resnet34"),
        ("Resnet34_Weights.DEFAULT", "resnet18"),
        ("ResNet34_Weight.IMAGENET1K_V1", "tf_efficientnet_lite0"),
    ],
)
def test_unknown_entry_suggests_the_nearest(reference: str, name: str) -> None:
    with pytest.raises(WeightsError, match=r"torchvision has no weights .*did you mean 'ResNet34_Weights.IMAGE"):
        torchvision_models.published(reference, name)


def test_network_without_a_version_loads() -> None:
    body = torchvision_models.body("mnasnet0_5", 0.0)
    plain = {key: torch.zeros(tensor.shape) for key, tensor in body.state_dict().items()}
    for model in (body, copy.deepcopy(body)):
        model.load_state_dict(plain, assign=True)
        assert not any(parameter.is_meta for parameter in model.parameters())
