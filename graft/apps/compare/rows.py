"""The tables of a comparison as rows of text, the first of them the names of the columns."""

from graft.apps.compare.comparison import Comparison
from graft.apps.compare.wording import (
    WANTED,
    answer,
    change,
    counted,
    figure,
    interval,
    label,
    points,
    share,
)

Rows = list[tuple[str, ...]]

SHOWN = 20
"""Pictures with another answer that a terminal or a pull request shows; the page and the CSV have all."""


def params(found: Comparison) -> Rows:
    """Parameters that differ."""
    return [("", "A", "B"), *((one.key, one.a, one.b) for one in found.params)]


def measured(found: Comparison) -> Rows:
    """Figures of metrics.json."""
    rows = [(one.name, figure(one.a), figure(one.b), change(one), WANTED[one.better]) for one in found.measured]
    return [("", "A", "B", "B less A", ""), *rows]


def slices(found: Comparison) -> Rows:
    """Shares that are right in parts of the pictures."""
    rows = [
        (
            one.name,
            str(one.images),
            share(one.a),
            share(one.b),
            points(one.difference.value),
            interval(one.difference),
        )
        for one in found.slices
    ]
    return [("", "images", "A", "B", "points", "95 % interval"), *rows]


def flips(found: Comparison, most: int | None = SHOWN) -> Rows:
    """Pictures with another answer."""
    table = found.flips if most is None else found.flips.head(most)
    rows = [
        (
            one["flip"],
            one["path"],
            label(one["label"]),
            answer(one["answer_a"], one["chance_a"]),
            answer(one["answer_b"], one["chance_b"]),
        )
        for one in table.to_dict(orient="records")
    ]
    return [("", "image", "is", "A says", "B says"), *rows]


def flips_title(found: Comparison) -> str:
    """What stands above the shortened table of them."""
    title = counted(len(found.flips), "picture with another answer", "pictures with another answer")
    return f"{title}; the {SHOWN} whose loss changed most" if len(found.flips) > SHOWN else title
