"""The section `split` of params.yaml."""

from typing import Literal, Self

from pydantic import Field, model_validator

from graft.core.params import Section
from graft.core.seeds import Seed


class Split(Section):
    """How the labelled images are divided into train, valid and test."""

    by: Literal["random", "group", "hash", "folder", "column"]
    """``random``: stratified, exact counts; ``group``: whole groups, stratified as well as they allow; ``hash``:
    by each image's content (or its group's name) alone, so that adding images moves no old one to another split
    (where a copy arrives in test or valid, its like in train is excluded); ``folder``: a folder of its path is
    called train, valid or test; ``column``: a column of labels.csv says so."""
    test: float = Field(gt=0, lt=1)
    """Share of all images held out for `evaluate`; unused where folds, folders or the column give a test split."""
    valid: float = Field(gt=0, lt=1)
    """Share of the rest held out to choose by (epochs, head or finetuned network), where none is given."""
    column: str | None = None
    """For ``column``: a slice of the labels, or ``list`` (see labels.lists)."""
    folds: int | None = Field(default=None, ge=2, le=1000)
    """Cut into this many folds, each of them once the test split; null: the share `test`."""
    fold: int = Field(default=0, ge=0)
    """Which fold is the test split, from 0."""
    stratify: list[str] = ["label"]
    """Columns of labels.csv whose mixture each split should share."""
    seed: Seed = 0
    """Seed of the split; separate from the top-level seed, so that training with another seed keeps the test set."""
    max_metadata_gain: float | None = Field(default=None, ge=0, le=1)
    """How much better than the most frequent class the label may be guessed without pixels, from file order, folder,
    size and EXIF, as a share of the images, before `split` fails; null: any."""

    @model_validator(mode="after")
    def _check_keys_together(self) -> Self:
        if (self.by == "column") != (self.column is not None):
            raise ValueError("the key 'column' belongs to by: column, and that needs it")
        if self.folds is not None and self.by in ("folder", "column"):
            raise ValueError(f"folds are drawn; by: {self.by} takes the splits as they are given")
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"fold must be below folds; {self.folds} folds are numbered 0 to {self.folds - 1}")
        return self
