"""Options that several commands take, and that mean the same in each."""

from typing import Annotated

import typer

Precision = Annotated[str, typer.Option(help="The bundle's model to use: float, or int8 where it has one.")]

Threshold = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="In place of the bundle's: the probability from which a label holds, of several a picture; "
        'of one a picture, that below which the answer is "not sure".',
    ),
]
