"""How many planted label errors are found: ``python -m benchmarks.label_errors [SHARED]``.

Runs the pipeline up to the features in a clone of HEAD, turns 5 % of all labels into another class,
drawn by seed, and looks among as many first-ranked label errors as were turned. The dataset's own wrong
labels count as misses. SHARED is the folder of the archives. Writes ``benchmarks/label_errors.json``
and ``benchmarks/label_errors.md``; a minute on two cores.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import footer, machine, save
from benchmarks.trial import SHARED, TRIALS, ready
from graft.core import tables
from graft.core.seeds import derive
from graft.data.arrays import Embeddings
from graft.data.dataset import SPLITS, Dataset, read_dataset
from graft.network.device import prepare
from graft.report.review import label_errors, out_of_fold_probabilities
from graft.tasks import make_task

OUT = Path(__file__).with_suffix(".json")
PRESETS = ("dogs-vs-cats",)
SEEDS = (0, 1, 2)
SHARE = 0.05


def plant(dataset: Dataset, seed: int) -> tuple[Dataset, set[str]]:
    """The dataset with a share of its labels turned into another class, and the paths of those."""
    generator = np.random.default_rng(derive(seed, "label-errors"))
    rows = dataset.rows.copy()
    chosen = rows.index[generator.permutation(len(rows))[: round(SHARE * len(rows))]]
    for row in chosen:
        rows.loc[row, "label"] = generator.choice([name for name in dataset.classes if name != rows.loc[row, "label"]])
    return Dataset(rows, dataset.classes), set(rows.loc[chosen, "path"])


def measure(data: Path) -> list[dict[str, Any]]:
    """Plant and look for errors with each seed, in what the pipeline left in a folder."""
    known = read_dataset(data / "labels.csv", data / "split.csv")
    embeddings = Embeddings(data / "embeddings/features.npy")
    copies = tables.read(data / "images.csv").set_index("path")["duplicate_group"].loc[known.rows["path"]]
    task = make_task(known.classes, known.multi_label)
    found = []
    for seed in SEEDS:
        dataset, planted = plant(known, seed)
        began = time.perf_counter()
        probabilities = out_of_fold_probabilities(dataset, copies, embeddings, task, None)
        doubted = label_errors(dataset.paths(*SPLITS), dataset.targets(*SPLITS), probabilities, task)["path"]
        found.append(
            {
                "seed": seed,
                "images": len(known.rows),
                "planted": len(planted),
                "precision": len(planted & set(doubted[: len(planted)])) / len(planted),
                "doubted": len(doubted),
                "found": len(planted & set(doubted)) / len(planted),
                "seconds": round(time.perf_counter() - began, 2),
            }
        )
    return found


def table(results: dict[str, Any]) -> str:
    """Markdown table."""
    lines = [
        "| dataset | pictures | seed | planted | among as many first | doubted in all | planted and doubted "
        "| seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for preset, runs in results["datasets"].items():
        lines += [
            f"| `{preset}` | {run['images']} | {run['seed']} | {run['planted']} | {run['precision']:.1%} "
            f"| {run['doubted']} | {run['found']:.1%} | {run['seconds']:.1f} |"
            for run in runs
        ]
    note = (
        f"{SHARE:.0%} of all labels were turned into another class; doubted are all labels that heads outvote "
        "which never saw their picture."
    )
    return "\n".join([*lines, "", note, "", footer(results["machine"])]) + "\n"


if __name__ == "__main__":
    prepare()
    measured: dict[str, Any] = {}
    for trial in (trial for trial in TRIALS if trial.preset in PRESETS):
        with ready(trial, Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED) as clone:
            clone.call("dvc", "repro", "--quiet", "embed")
            measured[trial.preset] = measure(clone.folder / "data")
    results = {"datasets": measured, "machine": machine()}
    save(OUT, results, table(results))
