"""export: write the network as one bundle, and prove on raw files that it is the one measured.

Reads   data/raw (or the folder it links to), data/presized (the size), models/finetuned,
        reports/evaluate/predictions.csv
Params  backbone, export, source
Writes  models/export/ (model.onnx, graft.json, labels.txt), reports/export/parity.json
"""

from pathlib import Path

import numpy as np

from graft import atomic, tables
from graft.export.bundle import Export, write_bundle
from graft.export.parity import compare, gate
from graft.images.rows import PictureRows
from graft.model.backbone import Backbone
from graft.model.network import load
from graft.model.task import task_of
from graft.predict.predictor import Predictor
from graft.progress import tracked
from graft.source.raw import raw_root
from graft.source.settings import Source
from stages.runtime import Run, start

RAW, PRESIZED = Path("data/raw"), Path("data/presized")
FINETUNED, PREDICTIONS = Path("models/finetuned"), Path("reports/evaluate/predictions.csv")
BUNDLE, REPORT = Path("models/export"), Path("reports/export")


def main(run: Run) -> None:
    export: Export = run.params("export", Export)
    source: Source = run.params("source", Source)
    backbone: Backbone = run.params("backbone", Backbone)

    network, description = load(FINETUNED)
    size = PictureRows(PRESIZED / "pixels.npy").array.shape[1]
    with atomic.new_folder(BUNDLE) as bundle:
        write_bundle(bundle, network, description, size, {"pictures": source.licence, "weights": backbone.licence})
    predictions = tables.read(PREDICTIONS)
    root = raw_root(RAW)
    batches = Predictor(BUNDLE).probabilities([root / path for path in predictions["path"]])
    said = np.concatenate(list(tracked(batches, "export", len(predictions))))
    parity = compare(predictions, said, task_of(description))
    gate(parity, export.max_flips)
    with atomic.new_folder(REPORT) as report:
        atomic.write_json(report / "parity.json", parity)
    run.log(
        f"{parity['flips']} of {parity['pictures']} test pictures differ, by {parity['largest_difference']:g} at most"
    )


if __name__ == "__main__":
    start("export", main)
