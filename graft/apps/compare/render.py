"""A comparison as text, as Markdown and as a page: one record of what is shown, and a template for each form."""

import base64
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.apps.compare.comparison import NOW_CORRECT, NOW_WRONG, STILL_WRONG, Comparison
from graft.apps.compare.match import counted
from graft.apps.compare.run import MetricPair
from graft.data.dataset import LABEL_DELIMITER
from graft.data.presized import read_presized
from graft.render.templates import number, percent, rendered
from graft.stats.paired import Difference

WIDTH = 100
"""Letters of a line in the terminal."""

SHOWN_CARDS = 60
"""Images that the page shows; the table below them has all."""

THUMBNAIL_SIDE = 224
"""Pixels of the longer side: twice what the page shows, for screens of fine grain."""

CARD_TITLES = {
    NOW_WRONG: "A was correct, B is wrong",
    NOW_CORRECT: "A was wrong, B is correct",
    STILL_WRONG: "Wrong both times",
}

NO_CLASS = "no class"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; without rows its title says all.

    Attributes:
        words: columns flush left; the others, numbers, are flush right.
        folded: whether a page hides it until it is asked for.
    """

    title: str
    header: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    words: tuple[int, ...] = ()
    folded: bool = False


def to_text(found: Comparison) -> str:
    """Plain text, aligned, for a terminal."""
    return _rendered("text.txt.j2", describe(found)).rstrip()


def to_markdown(found: Comparison) -> str:
    """A section to paste into a pull request; long tables are folded."""
    return _rendered("section.md.j2", describe(found)).rstrip() + "\n"


def to_page(found: Comparison, presized: Path) -> str:
    """One HTML file that needs nothing beside it; without the folder that `presize` writes it has no images."""
    shown = found.changes.head(SHOWN_CARDS)
    images = thumbnails(shown["path"].tolist(), presized)
    cards = [row | {"image": images.get(row["path"])} for row in shown.to_dict(orient="records")] if images else []
    page = {
        "cards": {title: [card for card in cards if card["change"] == kind] for kind, title in CARD_TITLES.items()},
        "num_cards": len(cards),
        "reach": axis_reach([found.overall.difference]),
        "slice_reach": axis_reach([part.difference for part in found.slices]),
    }
    return _rendered("page.html.j2", describe(found, None) | page, escape=True)


def _rendered(template: str, facts: dict[str, Any], escape: bool = False) -> str:
    wrap = partial(textwrap.fill, width=WIDTH, break_on_hyphens=False)
    helpers: list[Any] = [points, signed, interval, predicted, label, counted, aligned]
    named = {helper.__name__: helper for helper in helpers} | {"wrap": wrap, "plain": escape_markdown}
    return rendered(Path(__file__).with_name(template), facts, escape, **named)


def describe(found: Comparison, most: int | None = 20) -> dict[str, Any]:
    """What every form shows; `most` changed predictions in the table, None for all, as the page and the CSV have."""
    return {
        "found": found,
        "evidence": evidence(found),
        "params": _params(found),
        "metrics": _metrics(found),
        "slices": _slices(found),
        "changes": _changes(found, most),
        "shortened": most is not None and len(found.changes) > most,
    }


def evidence(found: Comparison) -> list[str]:
    """Sentences that say what the verdict rests on."""
    return _rendered("evidence.txt.j2", {"found": found}).splitlines()


def _params(found: Comparison) -> Table:
    if not found.params:
        return Table("Parameters: all equal")
    rows = [(change.key, change.a, change.b) for change in found.params]
    return Table("Parameters that differ", ("", "A", "B"), rows, (0, 1, 2), folded=len(rows) > 12)


def _metrics(found: Comparison) -> Table | None:
    better = {1: "more is better", -1: "less is better", 0: ""}
    rows = [(one.name, metric(one.a), metric(one.b), metric_change(one), better[one.better]) for one in found.metrics]
    return Table("Metrics of test", ("", "A", "B", "B less A", ""), rows, (0, 4), folded=True) if rows else None


def _slices(found: Comparison) -> Table | None:
    rows = []
    for part in found.slices:
        change = points(part.difference.value), interval(part.difference)
        rows.append((part.name, str(part.images), percent(part.a), percent(part.b), *change))
    title = f"{found.primary_metric.capitalize()} by slice; none of them decides"
    header = ("", "images", "A", "B", "points", "95 % interval")
    return Table(title, header, rows, (0, 5), folded=True) if rows else None


def _changes(found: Comparison, most: int | None) -> Table:
    if found.changes.empty:
        return Table("No prediction changed")
    rows = []
    for row in found.changes.head(most or len(found.changes)).to_dict(orient="records"):
        answers = (predicted(row[f"predicted_{run}"], row[f"probability_{run}"]) for run in "ab")
        rows.append((row["change"], row["path"], label(row["label"]), *answers))
    title = counted(len(found.changes), "changed prediction", "changed predictions")
    title += f"; the {most} whose loss changed most" if len(rows) < len(found.changes) else ""
    return Table(title, ("", "image", "label", "A", "B"), rows, (0, 1, 2, 3, 4), folded=True)


def points(value: float) -> str:
    """A difference of shares in percentage points, signed, such as +2.4."""
    return signed(100 * value, 1)


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign; what rounds to zero has none."""
    return f"{round(value, digits):+.{digits}f}".replace("-", "\u2212") if round(value, digits) else f"{0:.{digits}f}"


def metric(value: float | None) -> str:
    """A value of metrics.json; whole numbers above 1 are counts."""
    return f"{value:.0f}" if value is not None and _is_count(value) else number(value)


def metric_change(pair: MetricPair) -> str:
    """B's value less A's."""
    if pair.a is None or pair.b is None:
        return ""
    return signed(pair.b - pair.a, 0 if _is_count(pair.a) and _is_count(pair.b) else 3)


def _is_count(value: float) -> bool:
    return value == int(value) and abs(value) > 1


def interval(difference: Difference, form: Callable[[float], str] = points) -> str:
    """An interval of a difference."""
    return f"{form(difference.low)} to {form(difference.high)}" if difference.is_known else "not known: one group"


def predicted(names: str, probabilities: str) -> str:
    """A prediction, with the probability of each class it names."""
    values = probabilities.split(LABEL_DELIMITER) if probabilities else []
    # a class may have the sign in its name: then one probability stands beside the whole
    classes = names.split(LABEL_DELIMITER) if len(values) > 1 else [names]
    return ", ".join(f"{name} {float(value):.0%}" for name, value in zip(classes, values, strict=False)) or NO_CLASS


def label(text: str) -> str:
    """The label of an image, or its labels."""
    return text.replace(LABEL_DELIMITER, ", ") or NO_CLASS


def aligned(table: Table) -> str:
    """Columns of one width each, two spaces apart."""
    lines = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    justify = [str.ljust if index in table.words else str.rjust for index in range(len(widths))]
    cells = ([side(cell, width) for side, cell, width in zip(justify, line, widths, strict=True)] for line in lines)
    return "\n".join(f"  {'  '.join(row)}".rstrip() for row in cells)


def escape_markdown(text: str) -> str:
    """Text that stays text, on one line."""
    # signs that Markdown, GitHub or the HTML in it may read as more than themselves
    return re.sub(r"([\\`*_\[\]<>|~#!$&@])", r"\\\1", " ".join(text.split()))


def axis_reach(differences: Sequence[Difference]) -> float:
    """How far an axis goes both ways: to hold every known interval, and no farther than a difference can be."""
    ends = [abs(end) for one in differences if one.is_known for end in (one.low, one.high)]
    return min(1.0, 1.15 * max(ends, default=1.0)) or 1.0


def thumbnails(paths: Sequence[str], presized: Path) -> dict[str, str]:
    """Images as data addresses of JPEGs, by path; those not in the folder that `presize` writes are left out."""
    if not (presized / "rows.csv").is_file():
        return {}
    images = read_presized(presized)
    known = set(images.paths)
    rows = images.find([path for path in dict.fromkeys(paths) if path in known])
    shown = zip(rows, images.read(rows), strict=True)
    return {images.paths[row]: _data_address(pixels, float(images.aspects[row])) for row, pixels in shown}


def _data_address(pixels: NDArray[np.uint8], aspect: float) -> str:
    """A square as a JPEG of the aspect ratio that its image had, in a data address."""
    shape = [max(1, round(THUMBNAIL_SIDE * min(side, 1))) for side in (aspect, 1 / aspect)]
    stream = BytesIO()
    Image.fromarray(pixels).resize(shape, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
