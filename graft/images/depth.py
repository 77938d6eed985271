"""Images of more than eight bits, wide ones: which of their values are black and which are white."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Range = tuple[float, float]
"""The value that is black, and the one that is white; what lies beyond them is cut off."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Which values are black and white: of whole numbers of 16 or 32 bits, and of floating point.

    One for all images of a dataset: what is twice as bright as another stays so. Without a range for
    floating point, an image whose values are all 1 or less goes from 0 to 1, any other from 0 to 255.
    """

    integers: Range = (0, 65535)
    floats: Range | None = None

    @classmethod
    def read(cls, values: dict[str, Any]) -> Self:
        """Read what `written` gave, also from JSON.

        Raises:
            ValueError: a range is not two numbers, the lower one first.
        """
        return cls(**{kind: _checked(kind, values[kind]) for kind in ("integers", "floats") if values.get(kind)})

    def written(self) -> dict[str, Any]:
        """The ranges by kind."""
        return asdict(self)

    def shown(self, image: Image.Image) -> Image.Image:
        """Scale a wide image to grey of eight bits."""
        values = np.asarray(image).astype(np.float32)
        if kind_of(image.mode) == "integers":
            low, high = self.integers
            levels = (values - low) * (256 / (high - low + 1))
        else:
            low, high = self.floats or ((0, 1) if _span(values)[1] <= 1 else (0, 255))
            filled = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
            levels = (filled - low) * (255 / (high - low) if high > low else 0)
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


USUAL_DEPTH = Depth()
"""Of datasets whose images all have eight bits, should they meet one that has more."""


def is_wide(mode: str) -> bool:
    """Whether an image of a mode of Pillow's has more than eight bits a value; then it is grey."""
    return mode.startswith("I") or mode == "F"


def kind_of(mode: str) -> str:
    """What values of a wide mode are: ``integers`` or ``floats``."""
    return "floats" if mode == "F" else "integers"


def span_of(image: Image.Image) -> Range | None:
    """The darkest and the brightest value of a wide image, of those that are finite; None of any other."""
    return _span(np.asarray(image)) if is_wide(image.mode) else None


def own_depth(image: Image.Image) -> Depth:
    """The depth that shows one wide image from its darkest to its brightest value."""
    return Depth(**{kind_of(image.mode): _span(np.asarray(image))})


def _span(values: NDArray[Any]) -> Range:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _checked(kind: str, given: Any) -> Range:
    if not isinstance(given, list | tuple) or len(given) != 2 or not all(map(_is_number, given)) or given[0] > given[1]:
        raise ValueError(f"{kind} must be two numbers, of black and of white; it is {given!r}")
    return (given[0], given[1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
