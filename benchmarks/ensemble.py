"""What `finetune.ensemble` costs where it is served: ``python -m benchmarks.ensemble``.

Takes the finished ``dvc repro`` of the default preset, exports its fine-tuned network alone and beside the one that
training began from, and has onnxruntime answer batches in one thread, in turns. Writes ``benchmarks/ensemble.json``
and ``benchmarks/ensemble.md``; three minutes.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
import torch

from benchmarks.machine import ROOT, footer, machine, save
from graft.core import params
from graft.export.onnx import export_onnx
from graft.finetune.config import Finetune
from graft.finetune.ensemble import ensemble
from graft.finetune.step import load_trainable
from graft.network.device import prepare
from graft.network.network import load
from graft.tasks import Decision, task_of

OUT = Path(__file__).with_suffix(".json")
BATCH, REPEATS = 16, 15


def measure(root: Path) -> dict[str, dict[str, float]]:
    """Images a second of one core, and megabytes, of the bundle's graph with one network and with both."""
    models, values = root / "models", params.load(root / "params.yaml")
    config: Finetune = params.check("finetune", Finetune, values["finetune"])
    after, description = load(models / "finetuned")
    before, _ = load_trainable(models / "backbone", models / "head", config)
    trained, task = after.state_dict(), task_of(description)
    with torch.no_grad():  # norms folded on another machine may differ in their last bits, which no training does
        for name, parameter in before.named_parameters():
            if not parameter.requires_grad:
                parameter.copy_(trained[name])
    side = values["presize"]["size"]
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, side, side, 3), dtype=np.uint8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        files = {"fine-tuned alone": Path(folder) / "one.onnx", "ensemble": Path(folder) / "both.onnx"}
        export_onnx(after, task, description.size, side, Decision(), files["fine-tuned alone"])
        export_onnx(
            ensemble(before, after, description)[0], task, description.size, side, Decision(), files["ensemble"]
        )
        graphs = {name: onnxruntime.InferenceSession(file, options) for name, file in files.items()}
        seconds: dict[str, list[float]] = {name: [] for name in graphs}
        for _ in range(REPEATS):
            for name, graph in graphs.items():
                began = time.process_time()
                graph.run(None, {"pixels": pixels})
                seconds[name].append(time.process_time() - began)
        sizes = {name: file.stat().st_size / 1e6 for name, file in files.items()}
    return {name: {"rate": BATCH / median(seconds[name]), "megabytes": sizes[name]} for name in graphs}


def table(results: dict[str, Any]) -> str:
    """The figures in Markdown."""
    lines = ["| network | images a second of a core | times as long | megabytes |", "|---|---|---|---|"]
    first = next(iter(results["networks"].values()))["rate"]
    for name, found in results["networks"].items():
        cells = [name, f"{found['rate']:.0f}", f"{first / found['rate']:.2f}", f"{found['megabytes']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", footer(results["machine"])]) + "\n"


if __name__ == "__main__":
    prepare()
    found = {"networks": measure(ROOT), "machine": machine()}
    save(OUT, found, table(found))
