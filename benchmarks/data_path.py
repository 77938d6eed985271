"""Images a second made ready for the network, beside fastai's loader: ``python -m benchmarks.data_path``.

Both start from the JPEGs of Dogs vs Cats and end with batches of 64 images, varied alike (flip,
rotation, zoom, warp, lighting), 224 pixels wide and normalised. graft decodes once (`presize`, a row of
its own) and from then on reads its cache; fastai decodes in every epoch. Passes of both take turns.
Writes ``benchmarks/data_path.json`` and ``benchmarks/data_path.md``; needs ``make bench-env``; about
ten minutes on two cores.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.against_fastai import PYTHON
from benchmarks.load import Clock
from benchmarks.machine import ROOT, footer, machine, save
from benchmarks.trial import SHARED, TRIALS, Clone, ready
from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.core import tables
from graft.data.arrays import ImageRows, PartialArray
from graft.data.dataset import LabelledImages, read_dataset
from graft.images.decode import Square
from graft.images.presize import presize
from graft.network.device import prepare

OUT = Path(__file__).with_suffix(".json")
AUGMENT = Augment(flip="horizontal", rotate=10.0, zoom=1.1, warp=0.2, lighting=0.2, p=0.75)
"""As strong as fastai's ``aug_transforms()``."""
BATCH, SIDE, STORED = 64, 224, 256
SIDES = {
    "graft": "graft, from its cache",
    "presize": "graft, filling its cache, once",
    "fastai-0": "fastai, no workers",
    "fastai-2": "fastai, two workers",
}


def graft_pass(images: LabelledImages, number: int) -> float:
    """Make every training image ready once; return images a second."""
    order = np.random.default_rng(number).permutation(len(images))
    cpu, centre = torch.device("cpu"), torch.full((1, 3, 1, 1), 0.5)
    began = time.perf_counter()
    for batch, indices in enumerate(np.array_split(order, len(order) // BATCH)):
        pixels, _ = images.batch(indices, cpu)
        augmented = (augment(pixels, AUGMENT, SIDE, 1000 * number + batch) - centre) / centre
        assert augmented.shape[1:] == (3, SIDE, SIDE)
    return len(order) / (time.perf_counter() - began)


def presize_pass(clone: Clone) -> float:
    """Decode every image into a fresh cache; return images a second."""
    images = tables.read(clone.folder / "data/images.csv", ["path", "sha256"])
    with tempfile.TemporaryDirectory() as folder:
        into = PartialArray(Path(folder), (len(images), STORED, STORED, 3), np.uint8)
        began = time.perf_counter()
        presize(clone.images, list(zip(images["path"], images["sha256"], strict=True)), Square(STORED), into)
        return len(images) / (time.perf_counter() - began)


def fastai_passes(clone: Clone, workers: int, passes: int) -> list[float]:
    """Images a second of some passes in a process of fastai's."""
    with tempfile.TemporaryDirectory() as folder:
        table, out = Path(folder) / "table.csv", Path(folder) / "out.json"
        clone.table().to_csv(table, index=False)
        words = {"images": clone.images, "table": table, "workers": workers, "passes": passes, "out": out}
        command = [f"--{name}={value}" for name, value in words.items()]
        subprocess.run([PYTHON, "-m", "benchmarks.fastai_data", *command], cwd=ROOT, check=True)
        rates: list[float] = json.loads(out.read_text())
        return rates


def measure(shared: Path, rounds: int, passes: int) -> dict[str, Any]:
    """All sides in turn, some rounds of some passes each."""
    trial = next(trial for trial in TRIALS if trial.preset == "dogs-vs-cats")
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    prepare()
    with ready(trial, shared) as clone:
        clone.call("dvc", "repro", "--quiet", "presize")
        data = clone.folder / "data"
        dataset = read_dataset(data / "labels.csv", data / "split.csv")
        images = LabelledImages.of(ImageRows(data / "presized/pixels.npy"), dataset, "train")
        graft_pass(images, 0)
        began = Clock.now()
        for _ in range(rounds):
            rates["graft"] += [graft_pass(images, 1 + number) for number in range(passes)]
            rates["presize"].append(presize_pass(clone))
            for workers in (0, 2):
                rates[f"fastai-{workers}"] += fastai_passes(clone, workers, passes)
        others = began.others(Clock.now())
    return {"rates": rates, "images": len(images), "others": round(others, 3), "machine": machine()}


def table(results: dict[str, Any]) -> str:
    """Markdown table of medians, slowest and fastest pass, and graft's lead over each."""
    rates = results["rates"]
    lead = median(rates["graft"])
    lines = ["| side | images a second | slowest to fastest pass | graft's over it |", "|---|---|---|---|"]
    for side, title in SIDES.items():
        middle = median(rates[side])
        spread = f"{min(rates[side]):.0f} to {max(rates[side]):.0f}"
        ratio = f"{lead / middle:.1f}" if side.startswith("fastai") else ""
        lines.append(f"| {title} | {middle:.0f} | {spread} | {ratio} |")
    note = (
        f"Medians of {len(rates['graft'])} passes over {results['images']} images "
        f"({len(rates['presize'])} of filling the cache); others used {results['others']:.0%} of the cores meanwhile."
    )
    return "\n".join([*lines, "", note, "", footer(results["machine"])]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of the archives")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON; the table lies beside it")
    words = parser.parse_args()
    results = measure(words.shared, words.rounds, words.passes)
    save(words.out, results, table(results))
