"""embed: store what the pretrained network makes of every image.

Reads   data/presized, models/backbone
Params  embed
Writes  data/embeddings/features.npy (float32 [N, V, D], rows as in rows.csv), data/embeddings/network.json
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from graft.core import tables
from graft.core.files import new_folder, write_json
from graft.data.arrays import PartialArray
from graft.data.presized import read_presized
from graft.network.config import Embed
from graft.network.device import prepare
from graft.network.distributed import devices, processes
from graft.network.inference import embed
from graft.network.network import pretrained, width
from graft.network.precision import settle
from stages.runtime import Run, start

PRESIZED, BACKBONE = Path("data/presized"), Path("models/backbone")
EMBEDDINGS = Path("data/embeddings")


def main(run: Run) -> None:
    config: Embed = run.params("embed", Embed)
    prepare()

    pixels = read_presized(PRESIZED)
    network, description = pretrained(BACKBONE, config)
    settled = settle(network, pixels, np.arange(len(pixels.paths)), config.size, config.precision)
    config = config.model_copy(update={"precision": settled.precision})
    shape = (len(pixels.paths), len(config.flips), width(network))
    features = None if run.rank else PartialArray(run.unfinished(PRESIZED, BACKBONE), shape, np.float32)
    embed(network, pixels, config, features)
    if features is None:  # the first process writes
        return

    with new_folder(EMBEDDINGS) as folder:
        features.move(folder / "features.npy")
        tables.write(folder / "rows.csv", pd.DataFrame({"path": pixels.paths}))
        write_json(folder / "network.json", description.model_copy(update=asdict(settled)).model_dump())
    run.log(f"on {devices()} in {settled}")
    run.log(f"{shape[0]} images, {shape[1]} flips of each, {shape[2]} features a flip")


if __name__ == "__main__":
    start("embed", main, processes)
