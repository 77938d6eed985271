"""``graft review``: look again at what is suspected of being wrong, and set it right."""

from pathlib import Path
from typing import Annotated

import typer

PARAMS = Path("params.yaml")


def review(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 0,
) -> None:
    """Show suspected label errors, outliers and near duplicates on a local page, and write corrections.csv."""
    from graft.apps.review.server import serve
    from graft.core import params

    serve(params.load(PARAMS), port, typer.echo)
