"""The network for timm: safetensors and a config that ``timm.create_model("local-dir:...")`` loads.

timm's network classifies what its own last layer gives, and normalises by one mean and deviation. A
head that sees more than that, or images that are standardised one by one, do not fit into it.
"""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from graft.backbone.timm_models import timm  # which makes it importable first
from graft.core.errors import ExportError
from graft.core.files import write_json
from graft.export.formats import Exported, Files, Traits
from graft.network.fuse_bn import find_pairs
from graft.network.head import Description
from graft.network.network import Network, example_for
from graft.predict.bundle import FLOAT

TOLERANCE = 1e-3
"""Largest difference of a logit, relative to the largest, that rounding may explain."""


def write(folder: Path, exported: Exported) -> Files:
    """Write ``model.safetensors`` and ``config.json``, the temperature divided into the classifier.

    Raises:
        ExportError: timm's network gives other logits.
    """
    network, description, temperature = exported.network, exported.description, exported.decision.temperature
    model = timm.create_model(description.backbone, num_classes=len(description.classes)).eval()
    config: dict[str, Any] = model.pretrained_cfg  # type: ignore[assignment] # a module's own attribute, not a tensor
    model.load_state_dict(_state(model, network, description, config["classifier"], temperature))
    _check_agreement(model, network, description, temperature)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(state))
    written = {
        "architecture": description.backbone.partition(".")[0],
        "num_classes": len(description.classes),
        "label_names": description.classes,
        "pretrained_cfg": {
            **{key: config[key] for key in ("first_conv", "classifier", "interpolation")},
            "input_size": [3, description.size, description.size],
            "crop_pct": 1.0,
            "crop_mode": "center" if exported.square.crop else "squash",
            "mean": description.mean,
            "std": description.std,
            "num_classes": len(description.classes),
        },
    }
    write_json(folder / "config.json", written)
    return {FLOAT: ["model.safetensors", "config.json"]}


def obstacles(traits: Traits) -> list[str]:
    """Say what keeps such a network out of timm's format, each with the key of params.yaml."""
    squeezed = f"cropped in part and squeezed in part (presize.crop {traits.crop:g}, where timm knows 0 and 1)"
    found = (
        (traits.backbone.startswith("torchvision/"), f"{traits.backbone} is torchvision's"),
        (
            " + " in traits.backbone,
            f"{traits.backbone} are several networks side by side (backbone, finetune.ensemble)",
        ),
        (traits.layers, f"the head sees {', '.join(traits.layers)} too (embed.layers)"),
        (traits.standardise, "images are standardised one by one (embed.standardise)"),
        (traits.head != "linear", f"the head is of kind {traits.head} (train_head.head)"),
        (traits.crop not in (0, 1), f"images are {squeezed}"),
        (traits.padded, "images get a border (presize.fit)"),
        (traits.wide, "images have more than 8 bits (index.depth), of which timm's readers keep the lowest 8"),
        (list(traits.tta) != ["none"], f"logits are averaged over the flips {', '.join(traits.tta)} (evaluate.tta)"),
    )
    return [text for holds, text in found if holds]


def _state(
    model: nn.Module, network: Network, description: Description, classifier: str, temperature: float
) -> dict[str, torch.Tensor]:
    """The weights under timm's names: folded batch norms become ones that only shift."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    body = network.parts[""].body.state_dict()
    pairs = find_pairs(model, example_for(model, description.backbone)) if description.folded else []
    for conv, norm in pairs:
        state[f"{conv}.weight"] = body.pop(f"{conv}.weight")
        state[f"{norm}.bias"] = body.pop(f"{conv}.bias")
        state[f"{norm}.running_mean"].zero_()
        state[f"{norm}.running_var"].fill_(1)
        module = model.get_submodule(norm)
        assert isinstance(module, nn.BatchNorm2d)
        state[f"{norm}.weight"].fill_((1 + module.eps) ** 0.5)
    state |= {name: value for name, value in body.items() if name in state}
    head = network.head
    assert head is not None
    weight = head.linear.weight / head.scale
    state[f"{classifier}.weight"] = (weight / temperature).detach()
    state[f"{classifier}.bias"] = ((head.linear.bias - weight @ head.mean) / temperature).detach()
    return state


def _check_agreement(model: nn.Module, network: Network, description: Description, temperature: float) -> None:
    """Make sure that both give the same logits for noise."""
    generator = torch.Generator().manual_seed(0)
    views = torch.rand((2, 3, description.size, description.size), generator=generator)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (description.mean, description.std))
    with torch.inference_mode():
        expected, actual = network(views) / temperature, model((views - mean) / std)
    gap: Any = (expected - actual).abs().max() / expected.abs().max().clamp_min(1e-12)
    if not gap < TOLERANCE:
        raise ExportError(f"export.formats: timm's network differs from graft's by {float(gap):.2e} of its logits")
