"""The section `backbone`: which pretrained network, or several side by side, and their weights."""

from typing import Annotated

from pydantic import Field, field_validator

from graft.core.params import Section

TIMM, TORCHVISION = "timm://", "torchvision://"
"""What names an entry of a library's own table of weights begins with."""
ALLOWED = (
    f"{TIMM}ARCHITECTURE.TAG, {TORCHVISION}ENTRY, package://NAME/PATH, an address, "
    "or a path of a .safetensors or .pth file"
)


class Backbone(Section):
    """The pretrained network to graft a head onto.

    Or a list of several such mappings: the networks then stand side by side, and the head sees the features of all.
    """

    name: str
    """An architecture of timm, or ``torchvision/NAME`` for one of torchvision's classifiers."""
    weights: str
    """``timm://resnet34.a1_in1k``, ``torchvision://DEFAULT`` or ``torchvision://ResNet34_Weights.IMAGENET1K_V1``,
    ``package://NAME/PATH``, an address, or a path: .safetensors, or a .pth holding tensors only."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Checksum of the weights file; a file that differs is refused."""
    licence: str
    """Licence of the weights as their owner states it."""

    @field_validator("weights", mode="before")
    @classmethod
    def _must_be_pretrained(cls, value: object) -> object:
        if value in (None, "", "random"):
            raise ValueError(f"graft starts from pretrained weights, not from {value!r}; allowed are {ALLOWED}")
        return value


Backbones = Backbone | Annotated[list[Backbone], Field(min_length=2)]
"""The whole section: one network, or several side by side."""


def listed(section: Backbones) -> list[Backbone]:
    """The networks of a section, one or several."""
    return section if isinstance(section, list) else [section]


def joint_name(names: list[str]) -> str:
    """What several networks side by side are called; one keeps its name."""
    return " + ".join(names)
