"""``graft``: what one does around the pipeline; the pipeline itself is DVC's to run."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from graft import params
from graft.errors import GraftError
from graft.presets import apply_preset, names

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)

PARAMS = Path("params.yaml")
METRICS = Path("reports/evaluate/metrics.json")
REPORT = Path("reports/report.html")


@app.callback()
def main() -> None:
    """Reproducible transfer learning for image classification, as a DVC pipeline."""


@app.command()
def check() -> None:
    """Check every value of params.yaml, before anything is computed."""
    from graft.sections import check_all

    count = check_all(params.load(PARAMS))
    typer.echo(f"{PARAMS}: all {count} keys are valid")


@app.command()
def use(
    preset: Annotated[str, typer.Argument(help=f"One of: {', '.join(names())}.")],
) -> None:
    """Write a preset's values into params.yaml, comments kept."""
    changed = apply_preset(preset, PARAMS)
    typer.echo("\n".join(changed) or f"{PARAMS} already says what {preset} says")
    check()


@app.command()
def results() -> None:
    """Show the test metrics of the last run, and where its report lies."""
    if not METRICS.is_file():
        raise GraftError(f"{METRICS}: nothing was evaluated yet; run `dvc repro`")
    metrics = json.loads(METRICS.read_text(encoding="utf-8"))
    rows = [("this network", metrics["test"]), ("linear probe", metrics["probe"])]
    typer.echo(
        f"{'test, ' + str(metrics['test']['pictures']) + ' pictures':24}{'accuracy':>10}{'95 % interval':>20}"
        f"{'macro F1':>10}{'log loss':>10}"
    )
    for name, row in rows:
        interval = f"{row['accuracy_low']:.1%} to {row['accuracy_high']:.1%}"
        typer.echo(f"{name:24}{row['accuracy']:>10.1%}{interval:>20}{row['macro_f1']:>10.3f}{row['log_loss']:>10.3f}")
    typer.echo(f"{'majority class':24}{metrics['majority']['accuracy']:>10.1%}")
    typer.echo(f"report: {REPORT.resolve().as_uri()}")


def run() -> None:
    """Entry point: what the user can mend is said in one line, without a traceback."""
    try:
        app()
    except GraftError as error:
        sys.exit(f"graft: {error}")
