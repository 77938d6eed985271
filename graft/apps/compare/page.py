"""The comparison as one HTML file that needs nothing beside it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.apps.compare import rows, wording
from graft.apps.compare.comparison import NOW_RIGHT, NOW_WRONG, OTHERWISE, Comparison
from graft.apps.compare.paired import ONE_GROUP, Difference
from graft.core.files import write_text
from graft.data.arrays import ImageRows
from graft.render.templates import rendered

SIDE = 224
"""Pixels of the longer side: twice what the page shows, for screens of fine grain."""


def thumbnails(paths: Sequence[str], presized: Path) -> dict[str, str]:
    """Return the pictures as data addresses of JPEGs, by path; those that were never presized are left out.

    Args:
        presized: the folder that `presize` writes; it may be absent.
    """
    pixels = presized / "pixels.npy"
    if not (pixels.is_file() and pixels.with_name("rows.csv").is_file()):
        return {}
    images = ImageRows(pixels)
    known = set(images.paths)
    rows = images.find([path for path in dict.fromkeys(paths) if path in known])
    return {images.paths[row]: _address(images.array[row], float(images.aspects[row])) for row in rows}


def _address(pixels: NDArray[np.uint8], aspect: float) -> str:
    """A square as a JPEG of the aspect ratio that its image had, in a data address."""
    square = Image.fromarray(pixels)
    shape = max(1, round(SIDE * min(aspect, 1))), max(1, round(SIDE * min(1 / aspect, 1)))
    stream = BytesIO()
    square.resize(shape, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


TEMPLATE = Path(__file__).with_name("page.html.j2")

MOST = 60
"""Pictures that are shown; the table below them has all."""

TITLES = {NOW_WRONG: "A was right, B is wrong", NOW_RIGHT: "A was wrong, B is right", OTHERWISE: "Wrong both times"}


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval on an axis with zero in its middle: where it begins, how wide it is, where its value lies, in %."""

    left: float
    width: float
    at: float

    @classmethod
    def of(cls, difference: Difference, reach: float) -> "Bar | None":
        """Place an interval on an axis that goes as far as `reach` both ways; None for one that is not known."""
        if difference.method == ONE_GROUP:
            return None
        low, high, at = (50 + 50 * value / reach for value in (difference.low, difference.high, difference.value))
        return cls(low, high - low, at)


def save_page(path: Path, found: Comparison, presized: Path) -> None:
    """Write the page.

    Args:
        presized: the folder that `presize` writes; without it the page has no pictures.
    """
    helpers = {name: getattr(wording, name) for name in ("share", "points", "interval", "answer", "label", "counted")}
    write_text(path, rendered(TEMPLATE, facts(found, presized), **helpers))


def facts(found: Comparison, presized: Path) -> dict[str, Any]:
    """What the template shows."""
    overall, reach = _reach([found.overall.difference]), _reach([one.difference for one in found.slices])
    shown = found.flips.head(MOST)
    images = thumbnails(shown["path"].tolist(), presized)
    cards = [one | {"image": images.get(one["path"])} for one in shown.to_dict(orient="records")]
    return {
        "found": found,
        "evidence": wording.evidence(found),
        "bar": Bar.of(found.overall.difference, overall),
        "reach": overall,
        "slices": [(one, Bar.of(one.difference, reach)) for one in found.slices],
        "params": rows.params(found),
        "measured": rows.measured(found),
        "cards": {
            title: [card for card in cards if card["flip"] == kind] if images else [] for kind, title in TITLES.items()
        },
        "shown": len(cards) if images else 0,
        "flips": rows.flips(found, None),
    }


def _reach(differences: Sequence[Difference]) -> float:
    """How far an axis goes, so that every known interval fits; no farther than a difference can be."""
    ends = [abs(end) for one in differences if one.method != ONE_GROUP for end in (one.low, one.high)]
    return min(1.0, 1.15 * max(ends, default=1.0)) or 1.0
