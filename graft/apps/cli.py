"""``graft``: what one does around the pipeline; the pipeline itself is DVC's to run."""

# What a command needs is imported within it: `graft predict` runs where only the extra `predict` is installed,
# and starts at once.

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from graft import __version__
from graft.apps.compare.command import compare
from graft.apps.inspect.command import look
from graft.apps.predict.command import predict
from graft.apps.review.command import review
from graft.apps.serve.server import serve
from graft.apps.use.presets import names
from graft.core.errors import GraftError, install


class Part(StrEnum):
    """What `lr-find` sweeps."""

    head = "head"
    network = "network"


app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(predict)

PARAMS = Path("params.yaml")
RAW = Path("data/raw")
DOWNLOADS = Path(".graft/downloads")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"graft {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Reproducible transfer learning for image classification: all but the pipeline itself, which is DVC's to run."""


@app.command()
def check(
    fix: Annotated[
        bool, typer.Option("--fix", help="First rename keys of earlier versions in params.yaml, comments kept.")
    ] = False,
) -> None:
    """Check every value of params.yaml, and that a linked folder is as it was, before anything is computed."""
    from graft.apps import check as checking
    from graft.core import params
    from graft.source.config import Source
    from graft.source.dataset import check_unchanged

    for line in checking.fix(PARAMS) if fix else []:
        typer.echo(f"{PARAMS}: {line}")
    values = checking.check_file(PARAMS)
    check_unchanged(params.check("source", Source, values["source"]), RAW)
    typer.echo(f"{PARAMS}: all {len(values)} keys are valid")


@app.command()
def use(
    source: Annotated[
        str, typer.Argument(help=f"A folder, an archive, an address, or a preset: {', '.join(names())}.")
    ],
    images: Annotated[
        str | None, typer.Option("--from", help="Where a preset's pictures lie: folder, archive or address.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the pictures; shown in the report and the bundle.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Choose labels and split again for what is in use.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be written.")] = False,
) -> None:
    """Look at pictures, and write what suits them into params.yaml, comments kept."""
    from graft.apps.use.plan import plan
    from graft.apps.use.presets import write_values
    from graft.core import params

    current = params.load(PARAMS)["source"]
    planned = plan(source, images, licence, current if isinstance(current, dict) else {}, anew, DOWNLOADS)
    for line in planned.lines:
        typer.echo(line)
    changed = write_values(planned.values, PARAMS, dry_run)
    typer.echo("\n".join(changed) or f"{PARAMS} says so already")
    if dry_run:
        typer.echo(f"dry run: {PARAMS} is as it was")
    else:
        from graft.apps.check import check_all

        typer.echo(f"{PARAMS}: all {check_all(params.load(PARAMS))} keys are valid")


@app.command()
def summary(
    path: Annotated[str | None, typer.Argument(help="A picture's path below the source; the first without.")] = None,
) -> None:
    """Show what every step makes of one picture, shapes and all, and where it breaks; the exit code is then 1."""
    from graft.apps.summary import breaks, summarise
    from graft.core import params

    for line in summarise(params.load(PARAMS), path):
        typer.echo(line)
        if breaks(line):
            raise typer.Exit(1)


@app.command("learning-curve")
def learning_curve(
    draws: Annotated[int, typer.Option(min=2, max=100, help="Random draws of each share of the pictures.")] = 5,
) -> None:
    """Draw how accuracy on valid grows with the number of labels, and say whether more would help."""
    from graft.apps.learning_curve import learning_curve as measured
    from graft.core import params

    for line in measured(params.load(PARAMS), draws):
        typer.echo(line)


@app.command("lr-find")
def lr_find(
    part: Annotated[Part | None, typer.Argument(help="Only the head, or only the whole network.")] = None,
) -> None:
    """Raise the learning rate until the loss explodes, draw the curve, and read good rates off it."""
    from graft.apps.lr_find import lr_find as found
    from graft.core import params

    for line in found(params.load(PARAMS), (part.value,) if part else ("head", "network")):
        typer.echo(line)


@app.command()
def results() -> None:
    """Show the test metrics of the last run, and where its report lies."""
    from graft.apps.results import results as told
    from graft.core import params

    for line in told(params.load(PARAMS)):
        typer.echo(line)


app.command()(compare)
app.command()(look)
app.command()(review)
app.command()(serve)


def run() -> None:
    """Entry point: what the user can mend is said in one line, without a traceback."""
    try:
        app()
    except GraftError as error:
        sys.exit(f"graft: {error}")
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] == "graft":
            raise
        extra = "serve" if "serve" in sys.argv[1:2] else "pipeline"
        sys.exit(f"graft: this command needs {error.name}, which is not installed: {install(extra)}")
