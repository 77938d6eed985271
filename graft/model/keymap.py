"""Names of the same tensors in two implementations of EfficientNet.

Files published for the ``efficientnet_pytorch`` family number the blocks through and name layers
``_expand_conv``, ``_depthwise_conv``, ``_project_conv``; timm numbers blocks by stage and names the
layers after their kind. A depthwise-separable block (the first stage) has no expansion, which
shifts the numbers of its norms.
"""

import re
from collections.abc import Iterable

STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}


def is_efficientnet_pytorch(keys: Iterable[str]) -> bool:
    """Tell whether a state dict is named as ``efficientnet_pytorch`` names it."""
    return "_conv_stem.weight" in set(keys)


def to_timm(keys: Iterable[str], timm_keys: Iterable[str]) -> dict[str, str]:
    """Map ``efficientnet_pytorch`` names to timm's.

    Args:
        keys: names in the file.
        timm_keys: names in the timm model, which tell how its blocks fall into stages.

    Returns:
        ``{"_blocks.3._bn0.weight": "blocks.2.0.bn1.weight", ...}`` for every name that the rules
        cover; the caller compares it with both sides.
    """
    blocks = list(dict.fromkeys(found[0] for key in timm_keys if (found := re.match(r"blocks\.\d+\.\d+", key))))
    keys = list(keys)
    expanded = {found[1] for key in keys if (found := re.match(r"_blocks\.(\d+)\._expand_conv", key))}
    mapped: dict[str, str] = {}
    for key in keys:
        if found := re.match(r"_blocks\.(\d+)\.(\w+)\.(\w+)$", key):
            number, layer, tensor = found.groups()
            layers = (INVERTED if number in expanded else SEPARABLE) | SQUEEZE
            if layer in layers and int(number) < len(blocks):
                mapped[key] = f"{blocks[int(number)]}.{layers[layer]}.{tensor}"
        elif (found := re.match(r"(\w+)\.(\w+)$", key)) and found[1] in STEM:
            mapped[key] = f"{STEM[found[1]]}.{found[2]}"
    return mapped
