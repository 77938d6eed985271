"""``graft look``: what a layer of the network makes of a picture."""

from pathlib import Path
from typing import Annotated

import typer

PARAMS = Path("params.yaml")


def look(
    layer: Annotated[str | None, typer.Argument(help="A layer's name; without, all layers are listed.")] = None,
    image: Annotated[Path | None, typer.Argument(help="A picture file.")] = None,
) -> None:
    """Draw what a layer of the network makes of a picture, or list the layers."""
    from graft.apps.inspect.inspect import listed
    from graft.apps.inspect.inspect import look as drawn
    from graft.core import params

    if layer is None:
        lines = listed(params.load(PARAMS))
    elif image is None:
        raise typer.BadParameter(f"which picture? graft look {layer} PICTURE", param_hint="PICTURE")
    else:
        lines = drawn(params.load(PARAMS), layer, image)
    for line in lines:
        typer.echo(line)
