"""The models of the bundle beside each other, exact and in eight bits: ``python -m benchmarks.int8``.

Needs a finished ``dvc repro`` of the default preset. Those of onnxruntime and of OpenVINO answer the presized test
images; passes alternate, and the medians are written to ``benchmarks/int8.json`` and ``benchmarks/int8.md``.
Some minutes on two cores.
"""

import json
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import ROOT, footer, machine, save
from graft.data.arrays import ImageRows
from graft.data.dataset import read_dataset
from graft.export.bundle import FLOAT, INT8
from graft.export.config import Int8
from graft.export.formats.openvino import convert
from graft.export.onnx import calibration_images, quantise
from graft.predict.bundle import read_metadata
from graft.predict.predictor import Predictor

OUT = Path(__file__).with_suffix(".json")
PASSES, BATCH = 5, 16


def classify(predictor: Predictor, pixels: ImageRows, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], float]:
    """Probabilities of the images, and how many a second; reading them is not timed."""
    parts, spent = [], 0.0
    for start in range(0, len(rows), BATCH):
        batch = pixels.read(rows[start : start + BATCH])
        began = time.perf_counter()
        parts.append(predictor.run(batch))
        spent += time.perf_counter() - began
    return np.concatenate(parts), len(rows) / spent


def measure(root: Path) -> dict[str, Any]:
    """Quantise the bundle that lies there, and let both models answer."""
    pixels = ImageRows(root / "data/presized/pixels.npy")
    dataset = read_dataset(root / "data/labels.csv", root / "data/split.csv")
    rows, targets = pixels.find(dataset.paths("test")), dataset.targets("test")
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        shutil.copytree(root / "models/export", bundle)
        train = pixels.find(dataset.paths("train"))
        images = partial(calibration_images, pixels, train, Int8().calibrate)
        quantise(bundle / FLOAT, images(), bundle / INT8)
        (bundle / "openvino").mkdir()
        openvino = convert(bundle / FLOAT, bundle / "openvino", {}, images)
        metadata = json.loads((bundle / "graft.json").read_text())
        metadata["models"] = {"float": FLOAT, "int8": INT8}
        metadata["formats"] = {
            "openvino": {name: [f"openvino/{file}" for file in files] for name, files in openvino.items()}
        }
        del metadata["sha256"]  # of the one model; what was just written need not be held to it
        (bundle / "graft.json").write_text(json.dumps(metadata))
        predictors = {
            f"{runtime} {precision}": Predictor(bundle, precision=precision, runtime=runtime)
            for runtime, models in read_metadata(bundle).models.items()
            for precision in models
        }
        files = {
            f"{runtime} {precision}": [bundle / name for name in names]
            for runtime, models in read_metadata(bundle).models.items()
            for precision, names in models.items()
        }
        probabilities: dict[str, NDArray[np.float32]] = {}
        speeds: dict[str, list[float]] = {name: [] for name in predictors}
        for _ in range(PASSES):
            for name, predictor in predictors.items():
                probabilities[name], speed = classify(predictor, pixels, rows)
                speeds[name].append(speed)
        return {
            name: {
                "accuracy": float((probabilities[name].argmax(1) == targets).mean()),
                "mismatches": int(
                    (probabilities[name].argmax(1) != probabilities["onnxruntime float"].argmax(1)).sum()
                ),
                "images": len(rows),
                "images_per_second": round(median(speeds[name]), 1),
                "megabytes": round(sum(file.stat().st_size for file in files[name]) / 1e6, 1),
            }
            for name in predictors
        }


def table(results: dict[str, Any]) -> str:
    """Markdown."""
    lines = ["| graph | accuracy | answers that differ | pictures a second | megabytes |", "|---|---|---|---|---|"]
    for name, row in results.items():
        differ = f"{row['mismatches']} of {row['images']}"
        lines.append(
            f"| {name} | {row['accuracy']:.1%} | {differ} | {row['images_per_second']:.0f} | {row['megabytes']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write both files."""
    results, facts = measure(ROOT), machine()
    save(OUT, {"graphs": results, "machine": facts}, f"{table(results)}\n{footer(facts)}\n")


if __name__ == "__main__":
    main()
