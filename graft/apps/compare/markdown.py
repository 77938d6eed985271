"""The comparison as Markdown, to paste into a pull request."""

from html import escape

from graft.apps.compare import rows
from graft.apps.compare.comparison import Comparison
from graft.apps.compare.wording import evidence, headline

SPECIAL = "\\`*_[]<>|~#!$&@"
"""Signs that Markdown, GitHub or the HTML in it may read as more than themselves."""


FEW = 12
"""Parameters that are shown at once; more are folded."""


def as_markdown(found: Comparison) -> str:
    """A section with tables; the long ones are folded."""
    lines = [f"### {plain(found.a)} (A) or {plain(found.b)} (B)?", "", f"**{plain(headline(found))}**", ""]
    lines += [f"- {plain(line)}" for line in evidence(found)]
    lines += [f"- note: {plain(note)}" for note in found.notes]
    lines += ["", f"<sub>{plain(found.rule)}</sub>"]
    if found.params:
        told = table(rows.params(found), words=(0, 1, 2))
        title = "Parameters that differ"
        lines += ["", *(folded(title, told) if len(found.params) > FEW else [f"**{title}**", "", *told])]
    if found.measured:
        lines += ["", *folded("Metrics of test", table(rows.measured(found), words=(0, 4)))]
    if found.slices:
        title = f"{found.hits.capitalize()} by slice; none of them decides"
        lines += ["", *folded(title, table(rows.slices(found), words=(0, 5)))]
    if not found.flips.empty:
        lines += ["", *folded(rows.flips_title(found), table(rows.flips(found), words=(0, 1, 2, 3, 4)))]
    return "\n".join(lines) + "\n"


def table(lines: rows.Rows, words: tuple[int, ...]) -> list[str]:
    """A table.

    Args:
        words: columns flush left; the others, numbers, are flush right.
    """
    head, *body = lines
    marks = [":--" if place in words else "--:" for place in range(len(head))]
    return [f"| {' | '.join(row)} |" for row in (map(plain, head), marks, *(map(plain, row) for row in body))]


def folded(title: str, lines: list[str]) -> list[str]:
    """What opens at a click; the empty lines let Markdown be read inside of HTML."""
    return ["<details>", f"<summary>{escape(title)}</summary>", "", *lines, "", "</details>"]


def plain(text: str) -> str:
    """Text that stays text, on one line."""
    return "".join(f"\\{sign}" if sign in SPECIAL else sign for sign in " ".join(text.split()))
