"""The comparison as plain text, aligned, for a terminal."""

import textwrap

from graft.apps.compare import rows
from graft.apps.compare.comparison import Comparison
from graft.apps.compare.wording import evidence, headline

WIDE = 100


def as_text(found: Comparison) -> list[str]:
    """Lines to print."""
    lines = [f"A  {found.a}", f"B  {found.b}", "", headline(found)]
    for told in (*evidence(found), f"rule: {found.rule}"):
        lines += textwrap.wrap(told, WIDE, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    for note in found.notes:
        lines += textwrap.wrap(note, WIDE, initial_indent="note: ", subsequent_indent="  ", break_on_hyphens=False)
    if found.params:
        lines += ["", "parameters that differ", *aligned(rows.params(found), 0, 1, 2)]
    else:
        lines += ["", "parameters: all equal"]
    if found.measured:
        lines += ["", "metrics of test", *aligned(rows.measured(found), 0, 4)]
    if found.slices:
        lines += ["", f"{found.hits} by slice; none of them decides", *aligned(rows.slices(found), 0, 5)]
    if found.flips.empty:
        return [*lines, "", "no answer changed"]
    rest = " (all: --html or --csv)" if len(found.flips) > rows.SHOWN else ""
    return [*lines, "", rows.flips_title(found) + rest, *aligned(rows.flips(found), 0, 1, 2, 3, 4)]


def aligned(table: rows.Rows, *words: int) -> list[str]:
    """Columns of one width each, two spaces apart.

    Args:
        words: columns flush left; the others, numbers, are flush right.
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if place in words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    )
    return [f"  {line}".rstrip() for line in lines]
