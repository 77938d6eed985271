"""The model in eight bits beside the exact one: ``python -m benchmarks.int8``.

Needs a finished ``dvc repro`` of the default preset. Both models answer the presized test images;
passes alternate, and the medians are written to ``benchmarks/int8.json`` and ``benchmarks/int8.md``.
A minute on two cores.
"""

import json
import shutil
import tempfile
import time
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
from graft.export.onnx import calibration_images, quantise
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
        quantise(bundle / FLOAT, calibration_images(pixels, train, Int8().calibrate), bundle / INT8)
        metadata = json.loads((bundle / "graft.json").read_text())
        metadata["models"] = {"float": FLOAT, "int8": INT8}
        del metadata["sha256"]  # of the one model; what was just written need not be held to it
        (bundle / "graft.json").write_text(json.dumps(metadata))
        predictors = {name: Predictor(bundle, precision=name) for name in metadata["models"]}
        probabilities: dict[str, NDArray[np.float32]] = {}
        speeds: dict[str, list[float]] = {name: [] for name in predictors}
        for _ in range(PASSES):
            for name, predictor in predictors.items():
                probabilities[name], speed = classify(predictor, pixels, rows)
                speeds[name].append(speed)
        return {
            name: {
                "accuracy": float((probabilities[name].argmax(1) == targets).mean()),
                "mismatches": int((probabilities[name].argmax(1) != probabilities["float"].argmax(1)).sum()),
                "images": len(rows),
                "images_per_second": round(median(speeds[name]), 1),
                "megabytes": round((bundle / metadata["models"][name]).stat().st_size / 1e6, 1),
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
