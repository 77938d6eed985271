"""The arguments of ``graft compare``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from graft.core.errors import GraftError

STDOUT = Path("-")


def compare(
    rev_a: Annotated[str, typer.Argument(help="The one to compare with.")] = "HEAD",
    rev_b: Annotated[str, typer.Argument(help="The one that may be better.")] = "workspace",
    common: Annotated[
        bool, typer.Option("--common", help="If the test images differ, compare those that both have.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write one HTML page, with the images whose prediction changed."),
    ] = None,
    md: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write Markdown for a pull request; - prints only that.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a table of all images whose prediction changed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, and nothing else.")] = False,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit with 3 when B is worse, for continuous integration.")
    ] = False,
) -> None:
    """Tell whether the difference between two runs is real, and what made it.

    Each is a commit, a branch, a tag, an experiment of DVC, or `workspace`: what lies here now.

    The verdict is better, worse or can't tell, by one rule that is printed with it.

    The exit code is 0 whatever the verdict, 1 where they cannot be compared; with --fail-if-worse, 3 when B is worse.
    """
    from graft.apps.compare.comparison import WORSE, compare_revisions
    from graft.apps.compare.render import to_markdown, to_page, to_text
    from graft.core import tables
    from graft.core.files import write_text

    if as_json and md == STDOUT:
        raise typer.BadParameter("give either --json or --md -: both print, and nothing else may then be printed")
    if STDOUT in (csv, html):
        raise typer.BadParameter("only --md prints to -; name a file for --csv and --html")
    found = compare_revisions(rev_a, rev_b, Path(), common)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False, allow_nan=False))
    elif md == STDOUT:
        typer.echo(to_markdown(found), nl=False)
    else:
        typer.echo(to_text(found))
    if md and md != STDOUT:
        _write(md, lambda file: write_text(file, to_markdown(found)))
    if csv:
        _write(csv, lambda file: tables.write(file, found.changes))
    if html:
        _write(html, lambda file: write_text(file, to_page(found, Path("data/presized"))))
    if fail_if_worse and found.verdict.word == WORSE:
        raise typer.Exit(3)  # 1 is any failure, 2 is a wrong argument


def _write(file: Path, write: Callable[[Path], None]) -> None:
    """Write a file that the user named, and say so."""
    try:
        if not file.name:
            raise IsADirectoryError(f"{str(file)!r} names no file")
        write(file)
    except OSError as error:
        raise GraftError(f"{file}: cannot be written: {error.strerror or error}; name another file") from error
    typer.echo(f"written: {file}", err=True)
