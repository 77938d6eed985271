"""``graft``: what one does around the pipeline; the pipeline itself is DVC's to run."""

# What a command needs is imported within it: `graft predict` runs where only the extra `predict` is installed,
# and starts at once.

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from graft import __version__
from graft.apps.compare.command import compare
from graft.apps.predict.command import predict
from graft.apps.publish.command import app as publish
from graft.apps.review.server import label, review
from graft.apps.serve.server import serve
from graft.apps.use.presets import BACKBONES, names
from graft.core.errors import GraftError, ParamsError, install

PARAMS = Path("params.yaml")

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"graft {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Reproducible transfer learning for image classification: all but the pipeline, which dvc repro runs."""


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder; it need not be there yet.")],
    images: Annotated[
        str | None, typer.Argument(metavar="PICTURES", help="What `graft use` takes: a folder, for instance.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the images.")] = None,
) -> None:
    """Begin a project of your own with the installed graft: pipeline, settings, git and DVC."""
    from graft.apps.check import check_file
    from graft.apps.new.project import new as begin

    _echo(begin(folder, images, licence))
    check_file(folder / PARAMS)


@app.command()
def upgrade() -> None:
    """Take another graft or other libraries into use in a project of your own, and say which stages run again."""
    from graft.apps.check import check_file
    from graft.apps.new.upgrade import upgrade as bring_up_to_date

    _echo(bring_up_to_date())
    check_file(PARAMS)


@app.command()
def use(
    source: Annotated[
        str | None,
        typer.Argument(
            help=f"A folder, an archive, an address, or a preset: {', '.join(names())}.", show_default=False
        ),
    ] = None,
    images: Annotated[
        str | None, typer.Option("--from", help="Where a preset's images lie: folder, archive or address.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the images; shown in the report and the bundle.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help=f"The pretrained network: {', '.join(names(BACKBONES))}.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Choose labels and split again for what is in use.")] = False,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Nothing labels them yet: graft label will.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be written.")] = False,
) -> None:
    """Use your images, a preset or another network: find out what suits, and write that into params.yaml."""
    from graft.apps.check import check_file
    from graft.apps.use.plan import plan
    from graft.apps.use.presets import read_preset, write_values

    if source is None and backbone is None:
        raise ParamsError("name what to use: a folder, an archive, an address, a preset, or --backbone NAME")
    values: dict[str, Any] = {}
    if source is not None:
        current = _values()["source"]
        values, lines = plan(
            source, images, licence, current if isinstance(current, dict) else {}, anew, Path(), unlabelled
        )
        _echo(lines)
    if backbone is not None:
        network, _ = read_preset(backbone, BACKBONES)
        values |= {  # several networks are a list, which is taken as it is
            key: section if isinstance(section, list) else values.get(key, {}) | section
            for key, section in network.items()
        }
    changed = write_values(values, PARAMS, dry_run)
    _echo(changed or [f"{PARAMS} says so already"])
    if dry_run:
        typer.echo(f"dry run: {PARAMS} is as it was")
    else:
        typer.echo(f"{PARAMS}: all {len(check_file(PARAMS, network=backbone is not None))} keys are valid")


@app.command()
def check(
    fix: Annotated[
        bool, typer.Option("--fix", help="First rename keys of earlier versions in params.yaml, comments kept.")
    ] = False,
) -> None:
    """Check every value of params.yaml, GRAFT_LAUNCH, and that linked images and an installed graft are unchanged."""
    from graft.apps import check as checks
    from graft.core import installed, params
    from graft.source.config import Source
    from graft.source.dataset import check_unchanged

    if fix:
        _echo(f"{PARAMS}: {line}" for line in checks.fix(PARAMS))
    values = checks.check_file(PARAMS)
    check_unchanged(params.check("source", Source, values["source"]), Path("data/raw"))
    installed.check()
    typer.echo(f"{PARAMS}: all {len(values)} keys are valid")
    if options := os.environ.get("GRAFT_LAUNCH"):
        from graft.network.launch import Launch

        typer.echo(f"GRAFT_LAUNCH: {Launch.parse(options)}")


@app.command()
def summary(
    path: Annotated[str | None, typer.Argument(help="The first image: its path below the source.")] = None,
) -> None:
    """Follow four images through every step, up to their loss; exit with 1 where a step fails."""
    from graft.apps.summary.walk import is_failure, summarise

    for line in summarise(_values(), path):
        typer.echo(line)
        if is_failure(line):
            raise typer.Exit(1)


@app.command()
def show() -> None:
    """Draw labelled images as training sees them: every transform, a batch, each split; after presize and split."""
    from graft.apps.show.show import show as draw

    _echo(draw(_values()))


@app.command("lr-find")
def lr_find(
    part: Annotated[
        Literal["head", "network"] | None, typer.Argument(help="Only the head, or only the whole network.")
    ] = None,
) -> None:
    """Suggest a learning rate: raise it until the loss explodes, and draw the curve."""
    from graft.apps.lr_find import lr_find as find

    _echo(find(_values(), (part,) if part else ("head", "network")))


@app.command()
def epochs(
    budget: Annotated[str, typer.Option(help="Time that fine-tuning may take here, such as '10 min' or '1 h'.")],
) -> None:
    """Set the epochs of fine-tuning by a time that it may take, its speed measured on this machine."""
    from graft.apps.epochs import epochs as fit

    _echo(fit(_values(), budget, PARAMS))


@app.command("learning-curve")
def learning_curve(
    draws: Annotated[int, typer.Option(min=2, max=100, help="Random draws of each share of the images.")] = 5,
) -> None:
    """Draw how accuracy on valid grows with the number of labels, and say whether more would help."""
    from graft.apps.learning_curve import learning_curve as measure

    _echo(measure(_values(), draws))


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="Which values or ranges to try, such as sweep.yaml.")],
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Trials that run at once.")] = 1,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials in all, in place of the file's.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the experiments; without, that of the file.")] = None,
) -> None:
    """Try values or ranges of parameters in DVC's queue, and choose the best on valid; call again to go on."""
    from graft.apps.queue import Queue
    from graft.apps.sweep.config import read_sweep
    from graft.apps.sweep.sweep import run_sweep

    values = _values()
    found = read_sweep(file, values)
    _echo(
        run_sweep(found.model_copy(update={"trials": trials or found.trials}), values, Queue(name or file.stem, jobs))
    )


@app.command()
def backbones(
    chosen: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help=f"Of {', '.join(names(BACKBONES))}; NAME=FILE where its weights lie in a file."
        ),
    ],
) -> None:
    """Try pretrained networks on your images: cross-validated accuracy, speed, size; after presize and split."""
    from graft.apps.backbones import backbones as compare_backbones

    _echo(compare_backbones(_values(), chosen))


@app.command()
def folds(
    count: Annotated[int, typer.Option("-k", min=2, max=100, help="Folds.")] = 5,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Folds that run at once.")] = 1,
) -> None:
    """Run the whole recipe once a fold, through DVC's queue, so that every labelled image is once in test."""
    from graft.apps.folds import folds as run_folds

    _echo(run_folds(_values(), count, jobs))


@app.command()
def results() -> None:
    """Show the test metrics of the last run, and where its report is."""
    from graft.apps.results import results as show

    _echo(show(_values()))


app.command()(compare)


@app.command()
def keep() -> None:
    """Put the last network aside in models/previous, and have the next training go on from it."""
    from graft.apps.keep import keep as put_aside

    _echo(put_aside(PARAMS))


@app.command()
def inspect(
    layer: Annotated[str | None, typer.Argument(help="A layer's name; without, all are listed.")] = None,
    image: Annotated[Path | None, typer.Argument(help="An image file.")] = None,
) -> None:
    """List the network's layers, with shapes, parameters and rates, or draw what one of them makes of an image."""
    from graft.apps.inspect.drawings import draw_layer
    from graft.apps.inspect.table import list_layers

    if layer is not None and image is None:
        raise typer.BadParameter(f"which image? graft inspect {layer} IMAGE", param_hint="IMAGE")
    _echo(list_layers(_values()) if layer is None or image is None else draw_layer(_values(), layer, image))


app.command()(review)
app.command()(label)
app.command()(predict)
app.command()(serve)
app.add_typer(publish, name="publish")


@app.command(hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def look() -> None:
    """The former name of inspect."""
    raise GraftError("`graft look` is now `graft inspect`, with the same arguments")


def _values() -> dict[str, Any]:
    from graft.core import params

    return params.load(PARAMS)


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)


def run() -> None:
    """Entry point: what the user can mend is said in one line, without a traceback."""
    try:
        app()
    except GraftError as error:
        sys.exit(f"graft: {error}")
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] == "graft":
            raise
        extra = next((word for word in sys.argv[1:2] if word in ("serve", "sweep")), "pipeline")
        extra = "mlflow" if error.name == "mlflow" else extra
        sys.exit(f"graft: this command needs {error.name}, which is not installed: {install(extra)}")
