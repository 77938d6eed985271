"""torchvision: its classification architectures, its table of pretrained weights.

torchvision's wheel is built against CUDA torch. Beside a CPU-only torch of the same version its
compiled library does not load, and importing it then fails with ``operator torchvision::nms does
not exist``, because it registers shape functions for two operators that nobody has declared.
Declaring the two first is enough: graft, and timm's classifiers, call neither. So whoever imports
torchvision, or timm, which imports it, imports this module before.
"""

import copy
import functools
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import MethodType, ModuleType
from typing import Any

import torch
from torch import nn

from graft.backbone.library import Preprocessing, Published, meta_init
from graft.core.errors import ParamsError, WeightsError, nearest

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@functools.cache  # declares once, and keeps the library: its declarations live as long as it does
def declare_missing() -> torch.library.Library | None:
    """Declare torchvision's operators if its compiled library cannot; return None where it can.

    Must run before the first import of torchvision. Safe to call repeatedly.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None  # it is not installed: the import says so itself
    try:  # what torchvision itself does on import
        for library in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(library)
            return None
    except OSError:
        pass
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        declared.define(name + SCHEMA)
    return declared


@contextmanager
def without_compiler() -> Iterator[None]:
    """Import a library of architectures without the compiler of torch, which takes a processor two seconds to load.

    They ask it for two things, which few of their architectures use, and those when they run.
    """
    names = "torch._dynamo", "torch._dynamo.utils"
    if names[0] in sys.modules:
        yield
        return
    whole, part = stand_ins = [ModuleType(name) for name in names]
    whole.disable = _disable_when_called  # type: ignore[attr-defined]
    part.is_compile_supported = lambda _: False  # type: ignore[attr-defined]
    sys.modules |= dict(zip(names, stand_ins, strict=True))
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        vars(torch).pop("_dynamo", None)


def _disable_when_called(function: Callable[..., Any], *options: Any, **named: Any) -> Callable[..., Any]:
    """What `torch._dynamo.disable` gives, made when it is first called."""

    @functools.cache
    def made() -> Callable[..., Any]:
        import torch._dynamo  # late: this is the compiler

        disabled: Callable[..., Any] = torch._dynamo.disable(function, *options, **named)
        return disabled

    @functools.wraps(function)
    def later(*given: Any, **keywords: Any) -> Any:
        return made()(*given, **keywords)

    return later


declare_missing()
with without_compiler():  # must come after the declarations
    import torchvision
    from torchvision.models import get_model, get_model_weights, get_weight, list_models
    from torchvision.ops import StochasticDepth

PORTED = {"init_weights": False, "transform_input": True}
"""Their published weights come from TensorFlow, and with them goes a second normalisation inside the network."""
OPTIONS: dict[str, dict[str, Any]] = {"googlenet": PORTED, "inception_v3": PORTED}
"""What torchvision's builders set for published weights only."""


@functools.cache
def names() -> list[str]:
    """All classification architectures of torchvision."""
    return list(list_models(module=torchvision.models))


def body(name: str, drop_path: float) -> nn.Module:
    """Build an architecture without classifier.

    Raises:
        ParamsError: stochastic depth is asked for, and it has none.
    """
    model = _build(name, **({"aux_logits": False} if name in OPTIONS else {}))
    example = torch.zeros((2, 3, native_size(name), native_size(name)), device="meta")
    parent, _, child = find_classifier(copy.deepcopy(model).to("meta"), example).rpartition(".")
    setattr(model.get_submodule(parent), child, nn.Identity())
    _set_drop_path(model, name, drop_path)
    return model


def whole(name: str) -> nn.Module:
    """Build an architecture with its classifier and, where published files have them, its auxiliary ones."""
    return _build(name)


def native_size(name: str) -> int:
    """Side in pixels of the images that its published weights were measured on."""
    return int(get_model_weights(name).DEFAULT.transforms().crop_size[0])


def preprocessing(name: str) -> Preprocessing:
    """What its default published weights expect."""
    return _preprocessing(get_model_weights(name).DEFAULT)


def published(reference: str, name: str) -> Published:
    """Look weights up in torchvision's table, such as ``ResNet34_Weights.IMAGENET1K_V1``.

    ``DEFAULT``, or another entry alone, is one of the architecture `name`.

    Raises:
        WeightsError: torchvision names no such weights.
    """
    if "." not in reference and name in names():
        reference = f"{get_model_weights(name).__name__}.{reference}"
    known = [str(entry) for other in names() for entry in get_model_weights(other)]
    family, _, entry = reference.partition(".")
    families = {one.partition(".")[0] for one in known}
    if reference not in known and not (entry == "DEFAULT" and family in families):
        raise WeightsError(f"backbone.weights: torchvision has no weights {reference!r}{nearest(reference, known)}")
    weights = get_weight(reference)
    return Published(weights.url, _preprocessing(weights))


def converted(name: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Bring the names of torchvision's published DenseNet files to those of its networks.

    Source: torchvision's own loader of these files; names with a dot inside come from before torch 0.4.
    """
    return {re.sub(r"\b(norm|relu|conv)\.([12])\.", r"\1\2.", key): tensor for key, tensor in state.items()}


def _build(name: str, **further: Any) -> nn.Module:
    # a vision transformer's table of positions has an entry a patch
    options = {"image_size": native_size(name)} if name.startswith("vit_") else OPTIONS.get(name, {})
    model = meta_init(partial(get_model, name, weights=None, **options, **further))
    if isinstance(model, torchvision.models.MNASNet):  # it asks for a version number, which only pickles carry
        setattr(model, "_load_from_state_dict", MethodType(nn.Module._load_from_state_dict, model))  # noqa: B010
    return model


def _preprocessing(weights: Any) -> Preprocessing:
    transforms = weights.transforms()
    return Preprocessing(list(transforms.mean), list(transforms.std))


def _set_drop_path(model: nn.Module, name: str, drop_path: float) -> None:
    """Let blocks be left out in training: the deepest at the rate given, those before it in torchvision's proportion.

    Builders differ in whether they take a rate, and have one of their own by default.
    """
    blocks = [module for module in model.modules() if isinstance(module, StochasticDepth)]
    if drop_path and not blocks:
        raise ParamsError(f"drop_path: {name} has no stochastic depth; it takes 0, not {drop_path}")
    deepest = max((block.p for block in blocks), default=0.0)
    for block in blocks:
        block.p = drop_path * block.p / deepest


def find_classifier(model: nn.Module, example: torch.Tensor) -> str:
    """Name the layer that makes the logits: the last with parameters to run in a forward pass.

    What may follow it has no parameters: nothing at all, or a pooling of logits as in SqueezeNet.

    Args:
        model: in evaluation mode.
        example: `[B, 3, H, W]`, a size that it takes, on the same device.

    Raises:
        WeightsError: that layer is no linear one, or does not make the network's outputs.
    """
    ran: list[tuple[nn.Module, tuple[int, ...]]] = []
    leaves: dict[nn.Module, str] = {
        module: name
        for name, module in model.named_modules()
        if next(module.children(), None) is None and next(module.parameters(), None) is not None
    }
    with ExitStack() as hooks:
        for leaf in leaves:
            hook = leaf.register_forward_hook(lambda module, _, output: ran.append((module, tuple(output.shape))))
            hooks.enter_context(hook)
        outputs = model(example)
    layer, shape = ran[-1]
    linear = isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1))
    if not linear or shape[:2] != tuple(outputs.shape):
        raise WeightsError(
            f"backbone.name: the last layer of {type(model).__name__} is {leaves[layer]!r}, a {type(layer).__name__} "
            f"that gives {list(shape)}; expected a linear layer that gives its outputs {list(outputs.shape)}"
        )
    return leaves[layer]
