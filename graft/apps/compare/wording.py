"""How a comparison is said: the figures, and the sentences that every form of it shares."""

from collections.abc import Callable

from graft.apps.compare.changes import Figure
from graft.apps.compare.comparison import Comparison
from graft.apps.compare.paired import ONE_GROUP, Difference
from graft.data.dataset import LABEL_DELIMITER
from graft.render.templates import percent as share

MINUS = "\u2212"
NOTHING = "no class"
WANTED = {1: "more is better", -1: "less is better", 0: ""}


def points(value: float) -> str:
    """A difference of shares in percentage points, signed, such as +2.4."""
    return signed(100 * value, 1)


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign; what rounds to zero has none."""
    rounded = round(value, digits)
    if rounded == 0:
        return f"{0:.{digits}f}"
    return f"{'+' if rounded > 0 else MINUS}{abs(rounded):.{digits}f}"


def figure(value: float | None) -> str:
    """A figure of metrics.json; whole numbers above 1 are counts."""
    if value is None:
        return "none"
    return f"{value:.0f}" if _is_count(value) else f"{value:.3f}"


def change(one: Figure) -> str:
    """What B has more of a figure."""
    if one.a is None or one.b is None:
        return ""
    return signed(one.b - one.a, 0 if _is_count(one.a) and _is_count(one.b) else 3)


def _is_count(value: float) -> bool:
    return value == int(value) and abs(value) > 1


def interval(difference: Difference, said: Callable[[float], str] = points) -> str:
    """An interval of a difference."""
    if difference.method == ONE_GROUP:
        return "not known: one group"
    return f"{said(difference.low)} to {said(difference.high)}"


def p_value(p: float) -> str:
    """A p-value."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def answer(names: str, chances: str) -> str:
    """What a network said of a picture, with the probability of each class it named."""
    said = chances.split(LABEL_DELIMITER) if chances else []
    # a class may have the sign in its name: then one probability stands beside the whole
    told = names.split(LABEL_DELIMITER) if len(said) > 1 else [names]
    return ", ".join(f"{name} {float(chance):.0%}" for name, chance in zip(told, said, strict=False)) or NOTHING


def label(text: str) -> str:
    """What a picture is."""
    return text.replace(LABEL_DELIMITER, ", ") or NOTHING


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"


def headline(found: Comparison) -> str:
    """The verdict, and what decided it."""
    return f"{found.verdict.word}: {found.verdict.reason}"


def evidence(found: Comparison) -> list[str]:
    """Sentences that say what the verdict rests on."""
    overall = found.overall
    images = counted(overall.images, "test picture", "test pictures")
    grouped = found.groups is not None
    lines = [
        f"{found.hits} {share(overall.a)} in A, {share(overall.b)} in B: {points(overall.difference.value)} points, "
        f"95 % interval {interval(overall.difference)}",
        f"{images} in {counted(found.groups, 'group', 'groups')}; groups are drawn whole, for their pictures "
        "resemble each other"
        if found.groups is not None
        else f"{images}, each taken as independent of the others",
        f"answers that changed: {found.now_right} now right, {found.now_wrong} now wrong, "
        f"{found.otherwise} wrong otherwise",
        f"McNemar's exact test: {p_value(found.p)}"
        + (", but it takes pictures as independent, which those of a group are not" if grouped else ""),
    ]
    if found.loss:
        spread = found.loss.difference
        within = f", 95 % interval {interval(spread, signed)}" if spread else ""
        lines.append(
            f"log loss {found.loss.a:.3f} in A, {found.loss.b:.3f} in B: "
            f"{signed(found.loss.b - found.loss.a)}{within}; less is better"
        )
    return lines
