"""The section `augment` of params.yaml: how much training images vary."""

from typing import Any, Literal

from pydantic import Field, model_validator

from graft.core.params import Section
from graft.network.config import Flip

_STRENGTHS: dict[str, dict[str, Any]] = {
    "none": {"flip": "none", "rotate": 0.0, "zoom": 1.0, "warp": 0.0, "lighting": 0.0},
    "light": {"rotate": 5.0, "zoom": 1.05, "warp": 0.1, "lighting": 0.1},
    "standard": {},
    "strong": {"rotate": 20.0, "zoom": 1.2, "warp": 0.3, "lighting": 0.4, "erase": 0.25},
}
"""What each strength says otherwise than `standard`, whose values are the defaults of the fields."""


class Augment(Section):
    """How training images are varied: a strength, and keys that override it.

    A key that is null or absent takes the strength's value. `none` is the plain whole image,
    `standard` fastai's defaults, `light` half of them, `strong` about twice as much, with erasing.
    What a key gives is a largest value; each image draws its own, uniformly.

    Source: fastai 2, `aug_transforms`.
    """

    strength: Literal["none", "light", "standard", "strong"] = "standard"
    """Where the keys that are not given take their values from."""
    flip: Literal[Flip, "dihedral"] = "horizontal"
    """``both``: left-right, up-down, or both at once; ``dihedral``: quarter turns as well, eight in all."""
    rotate: float = Field(default=10.0, ge=0, le=180)
    """Degrees, to either side."""
    zoom: float = Field(default=1.1, ge=1, le=4)
    """Largest enlargement; the crop then wanders within the image."""
    warp: float = Field(default=0.2, ge=0, le=0.35)
    """Perspective: share by which an edge grows and the edge opposite shrinks; beyond 0.35 a rotated image
    could reach the horizon."""
    min_scale: float = Field(default=1.0, gt=0, le=1)
    """Smallest share of the image's area that a random crop keeps, stretched by up to a third either
    way; below 1 the crop takes the place of `zoom`."""
    lighting: float = Field(default=0.2, ge=0, lt=1)
    """Largest change of brightness and of contrast, to either side, on the logits of the pixels."""
    erase: float = Field(default=0.0, ge=0, le=1)
    """Share of images that lose one rectangle, of 2 to 33 % of their area, to the mean colour."""
    p: float = Field(default=0.75, ge=0, le=1)
    """Share of images to which rotation, zoom, warp, brightness and contrast each apply."""
    mixup: float = Field(default=0.0, ge=0, le=10)
    """Blend each image with another: alpha of Beta(alpha, alpha), the blend's shares; 0 for none."""
    cutmix: float = Field(default=0.0, ge=0, le=10)
    """Paste a rectangle of another image: alpha of Beta(alpha, alpha), its area; 0 for none. With
    `mixup` given too, each batch draws one of the two."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        """Give each key that is null or absent its strength's value."""
        if not isinstance(given, dict):
            return given
        config = {name: value for name, value in given.items() if value is not None or name not in cls.model_fields}
        strength = config.get("strength", "standard")
        # a strength that is not known is refused where the field is checked
        return (_STRENGTHS.get(strength, {}) if isinstance(strength, str) else {}) | config

    @property
    def only_flips(self) -> bool:
        """Whether no image is rotated, zoomed, warped or cropped."""
        return (self.rotate, self.zoom, self.warp, self.min_scale) == (0, 1, 0, 1)
