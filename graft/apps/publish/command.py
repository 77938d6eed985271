"""``graft publish``: its commands and their options."""

# What a command needs is imported within it: every command of graft reads the options.

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Hand the bundle on: to an MLflow server, or to the Hugging Face Hub.")

Bundle = Annotated[Path, typer.Option(help="The folder that `dvc repro export` wrote.")]


@app.command()
def mlflow(
    name: Annotated[str, typer.Option(help="Of the registered model, and of its experiment.")] = "graft",
    bundle: Bundle = Path("models/export"),
) -> None:
    """Log params, figures and report to the server that MLFLOW_TRACKING_URI names, and register the bundle there."""
    from graft.apps.publish.mlflow import publish

    for line in publish(bundle, name):
        typer.echo(line)


@app.command()
def hf(
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Of the model repository.")],
    bundle: Bundle = Path("models/export"),
    private: Annotated[bool, typer.Option("--private", help="Make a repository that only you see.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the files that would be sent.")] = False,
) -> None:
    """Upload the bundle and its card as a model repository; HF_TOKEN or `hf auth login` says who you are."""
    from graft.apps.publish.hub import publish

    for line in publish(bundle, repository, private, dry_run):
        typer.echo(line)
