"""Ways to make one number a channel of a grid of them."""

from typing import Literal

Pool = Literal["mean", "max"]
