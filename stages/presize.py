"""presize: decode every picture once and keep its pixels in one memory-mapped file.

Reads   data/raw, data/images.csv
Params  presize
Writes  data/presized/ (pixels.npy, uint8 [N, size, size, 3], or pixels.jpegs, offsets.npy and jpeg.json; rows.csv:
        path, aspect; square.json: size, crop, and which values of more than eight bits are black and white)
"""

import warnings
from pathlib import Path

from graft.core import tables
from graft.core.files import new_folder
from graft.data.raw import raw_root
from graft.images.presize import Presize, aspects, presize, read_depth, write_square
from stages.runtime import Run, start

RAW, IMAGES = Path("data/raw"), Path("data/images.csv")
PRESIZED = Path("data/presized")


def main(run: Run) -> None:
    config: Presize = run.params("presize", Presize)
    square = config.square(read_depth(IMAGES))
    warnings.filterwarnings("ignore", module="PIL")  # the index has judged every file

    images = tables.read(IMAGES, ["path", "sha256", "width", "height"])
    pixels = config.begin(run.unfinished(IMAGES), len(images))
    presize(raw_root(RAW), list(zip(images["path"], images["sha256"], strict=True)), square, pixels)

    with new_folder(PRESIZED) as presized:
        tables.write(presized / "rows.csv", images[["path"]].assign(aspect=aspects(images, square)))
        write_square(presized, square)
        pixels.move(presized / config.file)
    run.log(f"{len(images)} pictures at {square.size} x {square.size}")


if __name__ == "__main__":
    start("presize", main)
