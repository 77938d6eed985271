"""Decode each image once and keep its pixels in one memory-mapped file."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, model_validator

from graft.core import tables
from graft.core.engine import spread
from graft.core.errors import DataError
from graft.core.files import write_json
from graft.core.params import Section
from graft.core.progress import bar
from graft.data.arrays import PartialArray
from graft.data.presized import JPEGS, PIXELS, PartialJpegs, encode
from graft.images.decode import Square
from graft.images.depth import USUAL_DEPTH, Depth, kind_of
from graft.images.regions import located

SQUARE = "square.json"

PADDING = (124, 116, 104)
"""Colour of a border: the mean of ImageNet, by which nearly every pretrained network centres its input, so that it is
nearly nothing to it, as is what its own convolutions put around an image. Fixed: pixels depend on no network."""

CHUNK = 256
"""Images between two marks of progress: what an interrupted run decodes again at most."""


class Presize(Section):
    """The square that every image is resampled to, once."""

    size: int = Field(ge=8, le=2048)
    """Side in pixels; somewhat larger than what the network sees leaves room for crops."""
    fit: Literal["squash", "crop", "pad"] = "squash"
    """How an image that is no square becomes one: by ``squash`` its longer side is squeezed, by ``crop`` cut off at
    both ends, and by ``pad`` its shorter side gets a border at both ends, in the mean colour of ImageNet."""
    crop: float = Field(default=0.0, ge=0, le=1)
    """For ``squash``: share of what the longer side has over the shorter that is cut off first, half of it at either
    end; only the rest is squeezed. 0 keeps the whole image, 1 its centre square, as ``crop`` does."""

    store: Literal["pixels", "jpeg"] = "pixels"
    """How the squares are kept: as ``pixels``, read as they are, or as ``jpeg``, in about a tenth of the room, each
    decoded again whenever it is read. [Scaling](scaling.md#disk) says when to take it."""
    quality: int = Field(default=90, ge=50, le=100)
    """Of ``store: jpeg``: the JPEGs' quality; colour is kept in full (4:4:4)."""

    @model_validator(mode="after")
    def _one_of_them_says_what_is_cut(self) -> Self:
        if self.fit == "crop" and 0 < self.crop < 1:
            raise ValueError(
                f"fit 'crop' cuts off all that the longer side has over, and crop {self.crop:g} a part of it: leave "
                "crop out, or set fit to squash"
            )
        if self.fit == "pad" and self.crop:
            raise ValueError(
                f"fit 'pad' keeps the whole image, and crop {self.crop:g} cuts off a part of it: set crop to 0"
            )
        return self

    @property
    def file(self) -> str:
        """Name of the file of all squares."""
        return JPEGS if self.store == "jpeg" else PIXELS

    def begin(self, folder: Path, count: int) -> PartialArray | PartialJpegs:
        """Open the store in a folder for unfinished work, as far as it is filled."""
        if self.store == "jpeg":
            return PartialJpegs(folder, count, self.size, self.quality)
        return PartialArray(folder, (count, self.size, self.size, 3), np.uint8)

    def square(self, depth: Depth) -> Square:
        """What is done to an image of a dataset of some depth."""
        crop, padding = (1.0 if self.fit == "crop" else self.crop), (PADDING if self.fit == "pad" else None)
        return Square(self.size, crop, depth, padding)


def presize(root: Path, images: Sequence[tuple[str, str]], square: Square, into: PartialArray | PartialJpegs) -> None:
    """Fill `into`, uint8 `[N, S, S, 3]` or JPEGs, row by row, going on where an earlier run stopped.

    Args:
        root: folder of the images.
        images: path and sha256 of each, as `index` found them; a path may name a region of a file.

    Raises:
        DataError: a file is gone, or no longer the one that was indexed.
        EngineError: work cannot be spread as ``GRAFT_ENGINE`` says.
    """
    top = root.absolute()
    quality = into.quality if isinstance(into, PartialJpegs) else None
    rows = spread(partial(_row, top, square, quality), images[into.done :], partial(_files, top))
    with bar("presize", len(images), into.done) as progress:
        for number, row in enumerate(rows, start=into.done):
            into.put(number, row)
            progress.update()
            if (number + 1) % CHUNK == 0 or number + 1 == len(images):
                into.mark(number + 1)


Named = tuple[str, str]
"""Path of an image, and the sha256 of its file."""


def _files(top: Path, image: Named) -> list[Path]:
    return [located(top / image[0])[0]]


def _row(top: Path, square: Square, quality: int | None, image: Named) -> Any:
    path, sha256 = image
    file, region = located(top / path)
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{file} is gone since it was indexed; run `dvc repro` again") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{file} has changed since it was indexed; run `dvc repro` again")
    pixels = square.read(BytesIO(content), region=region)
    return pixels if quality is None else encode(pixels, quality)


def aspects(images: pd.DataFrame, square: Square) -> NDArray[np.float64]:
    """Width over height of what each image's square shows, `[N]`: 1 where nothing is squeezed.

    `images` has the columns width and height, in pixels of the upright image.
    """
    if square.padding is not None:
        return np.ones(len(images))
    sides = images[["width", "height"]].astype(np.float64).to_numpy()
    kept = sides - square.crop * (sides - sides.min(1, keepdims=True))
    found: NDArray[np.float64] = kept[:, 0] / kept[:, 1]
    return found


def write_square(presized: Path, square: Square) -> None:
    """Write beside the pixels what was done to the images; the depth only where some have more than eight bits."""
    depth = {} if square.depth is USUAL_DEPTH else {"depth": square.depth.written()}
    padding = {} if square.padding is None else {"padding": square.padding}
    write_json(presized / SQUARE, {"size": square.size, "crop": square.crop} | depth | padding)


def read_square(presized: Path) -> Square:
    """Read what was done to the images whose pixels lie in a folder."""
    values = json.loads((presized / SQUARE).read_text(encoding="utf-8"))
    depth = Depth.read(values["depth"]) if "depth" in values else USUAL_DEPTH
    padding = values.get("padding")
    return Square(values["size"], values["crop"], depth, padding and tuple(padding))


def read_depth(images: Path) -> Depth:
    """Read the depth that `index` found, from images.csv: `USUAL_DEPTH` itself where no image has more than eight bits.

    Raises:
        DataError: the table does not say it.
    """
    try:
        table = tables.read(images, ["mode", "black", "white"])
    except ValueError as error:
        raise DataError(f"{images} has no columns 'black' and 'white'; run `dvc repro index`") from error
    wide = table[table["white"] != ""].drop_duplicates()
    if wide.empty:
        return USUAL_DEPTH
    rows = wide[["mode", "black", "white"]].to_numpy(str)
    return Depth(**{kind_of(mode): (float(black), float(white)) for mode, black, white in rows})
