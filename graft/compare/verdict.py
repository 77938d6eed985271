"""Is B better than A? One rule, so that nobody picks the figure that pleases."""

from dataclasses import dataclass

from graft.compare.paired import Difference

BETTER, WORSE, OPEN = "better", "worse", "can't tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`word` is one of better, worse, can't tell; `reason` says why."""

    word: str
    reason: str


def rule(hits: str) -> str:
    """Say the rule.

    Args:
        hits: what the share of pictures is called whose answer is wholly right.
    """
    return (
        f"B is better where the whole 95 % interval of the difference in {hits} lies above 0, "
        f"worse where it lies below 0; else one can't tell. No other figure decides."
    )


def judge(difference: Difference, doubt: str | None = None) -> Verdict:
    """Decide by the interval of the difference in accuracy, or exact match: better where all of it lies above 0.

    Where all of it lies below 0, worse; else nothing is decided. Log loss, McNemar's p and slices stand
    beside it and decide nothing: who may choose among four tests is misled four times as often.

    Args:
        doubt: why the interval cannot be trusted; nothing is decided then.
    """
    if doubt:
        return Verdict(OPEN, doubt)
    if difference.low > 0:
        return Verdict(BETTER, "the whole interval lies above 0")
    if difference.high < 0:
        return Verdict(WORSE, "the whole interval lies below 0")
    return Verdict(OPEN, "the interval holds 0, so chance alone may make this difference")
