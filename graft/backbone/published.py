"""Weights that a library publishes: where they lie, and how they want their pictures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preprocessing:
    """Mean and standard deviation a channel of the pixels in [0, 1] that weights were trained on."""

    mean: list[float]
    std: list[float]


@dataclass(frozen=True)
class Published:
    """One entry of a library's table of weights."""

    address: str
    preprocessing: Preprocessing
