"""embed: store what the pretrained network says of every picture.

Reads   data/presized, models/backbone
Params  embed
Writes  data/embeddings/features.npy (float32 [N, V, D], rows as in rows.csv), data/embeddings/network.json
"""

from pathlib import Path

import numpy as np
import pandas as pd

from graft import atomic, tables
from graft.images.partial import PartialArray
from graft.images.rows import PictureRows
from graft.model.device import prepare
from graft.model.embed import embed
from graft.model.network import pretrained, width
from graft.model.settings import Embed
from stages.runtime import Run, start

PRESIZED, BACKBONE = Path("data/presized"), Path("models/backbone")
EMBEDDINGS = Path("data/embeddings")


def main(run: Run) -> None:
    knobs: Embed = run.params("embed", Embed)
    prepare()

    pixels = PictureRows(PRESIZED / "pixels.npy")
    network, description = pretrained(BACKBONE, knobs)
    shape = (len(pixels.paths), len(knobs.flips), width(network))
    features = PartialArray(run.unfinished(PRESIZED, BACKBONE), shape, np.float32)
    embed(network, pixels, knobs, features)

    with atomic.new_folder(EMBEDDINGS) as folder:
        features.move(folder / "features.npy")
        tables.write(folder / "rows.csv", pd.DataFrame({"path": pixels.paths}))
        atomic.write_json(folder / "network.json", description.model_dump())
    run.log(f"{shape[0]} pictures, {shape[1]} views of each, {shape[2]} features a view")


if __name__ == "__main__":
    start("embed", main)
