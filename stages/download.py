"""download: bring one item, the dataset or the pretrained weights, into the project.

Usage   python -m stages.download dataset|weights
Params  source (dataset), backbone (weights)
Writes  data/raw/ (the files as they are, or a pointer to the folder that holds them),
        models/backbone/ (safetensors, where they are from, licence)
"""

import sys
from pathlib import Path

from graft.core.addresses import shown
from graft.core.files import new_folder
from stages.runtime import STATE, Run, start

RAW, BACKBONE = Path("data/raw"), Path("models/backbone")
DOWNLOADS = STATE / "downloads"


def dataset(run: Run) -> None:
    from graft.source.config import Source
    from graft.source.dataset import fetch_dataset

    source: Source = run.params("source", Source)
    fetched = fetch_dataset(source, RAW, DOWNLOADS)
    run.log(f"{fetched.files} files {fetched.how} from {source.shown}, sha256 {fetched.sha256[:12]}")


def weights(run: Run) -> None:
    from graft.backbone.config import Backbones, listed
    from graft.backbone.weights import fetch_all

    backbones = listed(run.params("backbone", Backbones))
    with new_folder(BACKBONE) as folder:
        fetched = fetch_all(backbones, folder, DOWNLOADS)
    for facts in fetched:
        run.log(f"{facts['name']} from {shown(facts.get('address', facts['weights']))}, sha256 {facts['sha256'][:12]}")
        for layer in facts["cut_off"]:
            run.log(f"cut off {layer['name']}: {layer['type']} {layer['shape']}")


if __name__ == "__main__":  # each item imports its own code: the dataset needs no torch, the weights no folders
    items = {"dataset": dataset, "weights": weights}
    if len(sys.argv) != 2 or sys.argv[1] not in items:
        sys.exit(f"download: expected one of {' and '.join(items)}; got {' '.join(sys.argv[1:]) or 'nothing'}")
    start(f"download@{sys.argv[1]}", items[sys.argv[1]])
