"""export: write the network as one bundle, and prove on raw files that it is the one measured.

Reads   data/raw (or the folder it links to), data/presized, data/labels.csv, data/split.csv (train),
        models/finetuned, reports/evaluate, reports/split
Params  backbone, export, labels, source
Writes  models/export/ (model.onnx, graft.json, labels.txt, README.md, SHA256SUMS), reports/export/parity.json
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft import atomic, tables
from graft.export.bundle import GRAPH, INT8, seal, write_facts, write_graph
from graft.export.parity import compare, gate
from graft.export.settings import Export, Int8
from graft.export.story import read_story
from graft.images.rows import PictureRows
from graft.index.labels import Labels
from graft.model.backbone import Backbone
from graft.model.decision import read_decision
from graft.model.network import load
from graft.model.task import task_of
from graft.predict.predictor import Predictor
from graft.progress import tracked
from graft.source.raw import raw_root
from graft.source.settings import Source
from graft.split.table import read_dataset
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
    decision, pixels = read_decision(EVALUATED), PictureRows(PRESIZED / "pixels.npy")
    size = pixels.array.shape[1]
    licences = {"pictures": source.licence, "weights": backbone.licence}
    told = {"source": source.uri, "licences": licences, "labels": labels.model_dump()}
    with atomic.new_folder(BUNDLE) as bundle:
        write_graph(bundle, network, description, size, decision)
        if export.int8:
            _write_int8(bundle, pixels, export.int8)
        if export.timm:
            from graft.export.timm_folder import write_timm  # late: few ask for it

            write_timm(bundle / "timm", network, description, decision)
        facts = write_facts(bundle, description, size, decision, told | read_story(EVALUATED, DIVIDED))
        seal(bundle, facts)

    predictions, root = tables.read(EVALUATED / "predictions.csv"), raw_root(RAW)
    paths = [root / path for path in predictions["path"]]
    parity: dict[str, Any] = {}
    for precision in facts["models"]:
        began = time.monotonic()
        batches = tracked(Predictor(BUNDLE, precision=precision).probabilities(paths), "export", len(paths))
        said: NDArray[np.float32] = np.concatenate(list(batches))
        parity[precision] = compare(predictions, said, task_of(description), decision.abstain_below)
        run.log(
            f"{precision}: {parity[precision]['flips']} of {len(paths)} test pictures differ, by "
            f"{parity[precision]['largest_difference']:g} at most; {len(paths) / (time.monotonic() - began):.0f} a second"
        )
    with atomic.new_folder(REPORT) as report:
        atomic.write_json(report / "parity.json", parity["float"] | {"int8": parity.get("int8")})
    gate(parity["float"], export.max_flips)
    if export.int8:
        gate(parity["int8"], export.int8.max_flips * len(paths), "export.int8.max_flips, as pictures,")


def _write_int8(bundle: Path, pixels: PictureRows, knobs: Int8) -> None:
    from graft.export.int8 import BATCH, quantise, some_rows  # late: few ask for it

    rows = some_rows(pixels.find(read_dataset(LABELS, SPLIT).paths("train")), knobs.calibrate)
    quantise(
        bundle / GRAPH, (pixels.read(some) for some in np.array_split(rows, -(-len(rows) // BATCH))), bundle / INT8
    )


if __name__ == "__main__":
    start("export", main)
