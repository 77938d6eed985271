"""export: write the network as one bundle, and prove on raw files that it is the one measured.

Reads   data/raw (or the folder it links to), data/presized, data/labels.csv, data/split.csv (train),
        models/finetuned, reports/evaluate, reports/split
Params  backbone, export, labels, source
Writes  models/export/ (model.onnx, graft.json, labels.txt, README.md, SHA256SUMS), reports/export/parity.json
"""

from functools import partial
from pathlib import Path

from graft.core.files import new_folder, write_json
from graft.data.dataset import read_dataset
from graft.data.presized import read_presized
from graft.data.raw import raw_root
from graft.export.bundle import write_bundle
from graft.export.card import read_record
from graft.export.config import Export
from graft.export.onnx import calibration_images
from graft.export.parity import measure_parity, require_parity
from graft.images.presize import read_square
from graft.network.network import load
from graft.tasks import Decision, task_of
from stages.runtime import Run, start

RAW, PRESIZED, FINETUNED = Path("data/raw"), Path("data/presized"), Path("models/finetuned")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")
EVALUATED, SPLIT_REPORT = Path("reports/evaluate"), Path("reports/split")
BUNDLE, REPORT = Path("models/export"), Path("reports/export")


def main(run: Run) -> None:
    config: Export = run.params("export", Export)
    record = read_record(run.values("backbone", "labels", "source"), EVALUATED, SPLIT_REPORT)

    network, description = load(FINETUNED)
    task, square, decision = task_of(description), read_square(PRESIZED), Decision.read(EVALUATED)
    pixels = read_presized(PRESIZED)
    images = partial(calibration_images, pixels, pixels.find(read_dataset(LABELS, SPLIT).paths("train")))
    with new_folder(BUNDLE) as bundle:  # a bundle that is refused replaces nothing
        write_bundle(bundle, network, description, square, decision, config, images, record)
        parity = measure_parity(bundle, EVALUATED, raw_root(RAW), task, decision.abstain_below, run.log, pixels.quality)
        with new_folder(REPORT) as report:
            write_json(report / "parity.json", parity)
        require_parity(parity, config)


if __name__ == "__main__":
    start("export", main)
