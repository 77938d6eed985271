"""export: write the network as one bundle, and prove on raw files that it is the one measured.

Reads   data/raw (or the folder it links to), data/presized, data/labels.csv, data/split.csv (train),
        models/finetuned, reports/evaluate, reports/split
Params  backbone, export, labels, source
Writes  models/export/ (model.onnx, graft.json, labels.txt, README.md, SHA256SUMS), reports/export/parity.json
"""

from functools import partial
from pathlib import Path

import numpy as np

from graft.backbone.build import Backbone
from graft.core import tables
from graft.core.files import new_folder, write_json
from graft.core.progress import tracked
from graft.data.arrays import ImageRows
from graft.data.dataset import read_dataset
from graft.data.raw import raw_root
from graft.export.bundle import write_bundle
from graft.export.card import read_story
from graft.export.config import Export
from graft.export.int8 import drawn
from graft.export.parity import compare, gate
from graft.images.presize import read_square
from graft.labels.rules import Labels
from graft.network.network import load
from graft.predict.predictor import Predictor
from graft.source.config import Source
from graft.tasks import task_of
from graft.tasks.decision import read_decision
from stages.runtime import Run, start

RAW, PRESIZED = Path("data/raw"), Path("data/presized")
LABELS, SPLIT, FINETUNED = Path("data/labels.csv"), Path("data/split.csv"), Path("models/finetuned")
EVALUATED, DIVIDED = Path("reports/evaluate"), Path("reports/split")
BUNDLE, REPORT = Path("models/export"), Path("reports/export")


def main(run: Run) -> None:
    export: Export = run.params("export", Export)
    source: Source = run.params("source", Source)
    labels: Labels = run.params("labels", Labels)
    backbone: Backbone = run.params("backbone", Backbone)

    network, description = load(FINETUNED)
    decision, square, pixels = read_decision(EVALUATED), read_square(PRESIZED), ImageRows(PRESIZED / "pixels.npy")
    licences = {"images": source.licence, "weights": backbone.licence}
    story = {"source": source.shown, "licences": licences, "labels": labels.model_dump()}
    story |= read_story(EVALUATED, DIVIDED)
    some = partial(drawn, pixels, pixels.find(read_dataset(LABELS, SPLIT).paths("train")))
    predictions, root = tables.read(EVALUATED / "predictions.csv"), raw_root(RAW)
    paths, parity = [root / path for path in predictions["path"]], {}
    with new_folder(BUNDLE) as bundle:  # a bundle that is refused takes no place
        facts = write_bundle(bundle, network, description, square, decision, export, some, story)
        for precision in facts["models"]:
            batches = Predictor(bundle, precision=precision).probabilities(paths)
            said = np.concatenate(list(tracked(batches, f"export {precision}", len(paths))))
            found = parity[precision] = compare(predictions, said, task_of(description), decision.abstain_below)
            run.log(f"{precision}: {found['flips']} of {len(paths)} differ, by {found['largest_difference']:g} at most")
        with new_folder(REPORT) as report:
            write_json(report / "parity.json", parity["float"] | {"int8": parity.get("int8")})
        gate(parity["float"], export.max_flips)
        if export.int8:
            gate(parity["int8"], export.int8.max_flips * len(paths), "export.int8.max_flips, as pictures,")


if __name__ == "__main__":
    start("export", main)
