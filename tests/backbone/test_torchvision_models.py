"""torchvision's classifiers lose their last layer and nothing else; its table of weights is read."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from graft.backbone import torchvision_models
from graft.backbone.torchvision_models import _disable_when_called, declare_missing, find_classifier
from graft.core.errors import ParamsError, WeightsError

pytestmark = pytest.mark.slow

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
    side = torchvision_models.native_size(name)
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


class Backwards(nn.Module):
    """Registers its classifier first, and a head that never runs last."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Linear(4, 10)
        self.bottom = nn.Conv2d(3, 4, 3)
        self.unused = nn.Linear(4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.top(self.bottom(images).mean((2, 3)))
        return logits


@pytest.fixture
def example() -> torch.Tensor:
    return torch.zeros((2, 3, 8, 8))


def test_last_layer_to_run_is_found(example: torch.Tensor) -> None:
    assert find_classifier(Backwards(), example) == "top"


def test_logits_may_be_pooled_afterwards(example: torch.Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 10, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert find_classifier(model, example) == "1"


@pytest.mark.parametrize(
    "last", [nn.Sequential(nn.Linear(4, 10), nn.LayerNorm(10)), nn.Sequential(nn.Unflatten(1, (4, 1)), nn.Linear(1, 5))]
)
def test_other_last_layers_are_refused(example: torch.Tensor, last: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    with pytest.raises(WeightsError, match=r"the last layer of Sequential is '3\.1', a L"):
        find_classifier(model, example)


def test_hooks_are_gone_afterwards(example: torch.Tensor) -> None:
    model = Backwards()
    find_classifier(model, example)
    assert not any(module._forward_hooks for module in model.modules())


def test_timm_imports_in_a_fresh_process() -> None:
    code = "import graft.backbone.build, torchvision, timm; print(timm.is_model('tf_efficientnet_lite0'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_declaring_twice_is_harmless() -> None:
    assert declare_missing() is declare_missing()


LOADING = """
import sys, torch
from graft.backbone.torchvision_models import without_compiler
import graft.backbone.build
assert "torch._dynamo" not in sys.modules
from timm.models.naflexvit import NaFlexRopeIterator
assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2)).tolist() == [2, 2]
assert "torch._dynamo" in sys.modules
with without_compiler():
    assert hasattr(torch._dynamo, "config"), "the true one stays"
"""


def test_the_compiler_is_loaded_by_whoever_compiles_and_not_with_the_architectures() -> None:
    subprocess.run([sys.executable, "-c", LOADING], check=True)


def test_what_is_never_compiled_is_asked_for_when_it_is_called() -> None:
    assert _disable_when_called(lambda x, by: x + by)(2, by=3) == 5
