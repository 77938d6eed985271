"""How many labels it takes, chosen or drawn at random: ``python -m benchmarks.label [SHARED]``.

Runs the pipeline up to the features in a clone of HEAD. Of each draw a quarter of the images is held out, and labels
are given to the rest in batches: as `graft label` chooses them, from no label on, or at random. After each batch a head
is fitted to the labels so far and measured on what was held out. SHARED is the folder of the archives. Writes
``benchmarks/label.json`` and ``benchmarks/label.md``; two minutes on two cores.
"""

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t

from benchmarks.machine import footer, machine, save
from benchmarks.trial import SHARED, TRIALS, ready
from graft.apps.review.acquisition import Numbers, choose
from graft.apps.review.pool import Guess, guess, reduced
from graft.core import tables
from graft.core.seeds import derive
from graft.data.arrays import Embeddings
from graft.data.dataset import SPLITS, read_dataset
from graft.heads.examples import Examples
from graft.network.device import prepare
from graft.report.neighbours import Standardised
from graft.stats.draws import draw_units, tied_units
from graft.tasks import make_task

OUT = Path(__file__).with_suffix(".json")
PRESETS = ("dogs-vs-cats", "doraemon-walle")
COUNTS = (5, 10, 15, 20, 30, 40, 60, 80, 120, 160)
"""Labels after each batch."""
DRAWS = 5
HELD_OUT = 0.25
GOAL = 0.95
"""Share of the accuracy with all labels that is asked for."""

Label = Callable[[Numbers], Guess | None]
"""Fit a head to the labels of some images, and say what it answers about all."""


def measure(data: Path) -> dict[str, Any]:
    """Accuracy after each batch, by way of choosing and draw, in what the pipeline left in a folder."""
    dataset = read_dataset(data / "labels.csv", data / "split.csv")
    paths, targets = dataset.paths(*SPLITS), dataset.targets(*SPLITS)
    task = make_task(dataset.classes, dataset.multi_label)
    stored = Standardised.of(Embeddings(data / "embeddings/features.npy"), paths)
    features = reduced(stored.read(np.arange(len(paths))))
    moments = torch.from_numpy(stored.mean), torch.from_numpy(stored.scale)
    copies = tables.read(data / "images.csv").set_index("path")["duplicate_group"].loc[paths].reset_index(drop=True)
    strata = dataset.rows.set_index("path")["label"].loc[paths].reset_index(drop=True)
    units = tied_units([copies], len(paths))

    def fit(known: Numbers) -> Guess | None:
        return guess(Examples(stored.embeddings, stored.rows[known], targets[known], 1), task, stored.rows, moments)

    found: dict[str, Any] = {"images": len(paths), "chosen": [], "random": [], "full": []}
    for draw in range(DRAWS):
        held_out = draw_units(units, strata, HELD_OUT, derive(draw, "label", "held out"))
        pool, measured = np.flatnonzero(~held_out), np.flatnonzero(held_out)

        def accuracy(known: Numbers, measured: Numbers = measured) -> float:
            answer = fit(known)
            assert answer is not None
            names = np.asarray(answer.task.classes)[answer.answers.argmax(1)]
            return float((names[measured] == strata.to_numpy()[measured]).mean())

        orders = {
            "random": np.random.default_rng(derive(draw, "label", "random")).permutation(pool),
            "chosen": chosen_order(features, pool, fit, draw),
        }
        for way, order in orders.items():
            found[way].append([accuracy(order[:count]) for count in COUNTS])
        found["full"].append(accuracy(pool))
    return found


def chosen_order(features: NDArray[np.float32], pool: Numbers, fit: Label, draw: int) -> Numbers:
    """Numbers of the images in the order in which `graft label` would ask for them."""
    known = np.empty(0, dtype=np.int64)
    for before, count in pairwise((0, *COUNTS)):
        answer = fit(known)
        free = np.setdiff1d(pool, known)
        doubt = None if answer is None else answer.doubt
        batch = choose(features, known, free, doubt, count - before, derive(draw, "label", "chosen", count))
        known = np.concatenate([known, batch])
    return known


def needed(accuracies: list[float], full: float) -> int | None:
    """Labels from which on the accuracy stays at the goal or above; None if it never does."""
    short = [count for count, accuracy in zip(COUNTS, accuracies, strict=True) if accuracy < GOAL * full]
    after = [count for count in COUNTS if not short or count > short[-1]]
    return after[0] if after else None


def difference(run: dict[str, Any]) -> list[tuple[float, float]]:
    """After each batch, how much better chosen labels are than random ones, and half of its 95 % interval."""
    gains = np.asarray(run["chosen"]) - np.asarray(run["random"])
    spread = gains.std(0, ddof=1) / np.sqrt(len(gains)) * t.ppf(0.975, len(gains) - 1)
    return list(zip(gains.mean(0).tolist(), spread.tolist(), strict=True))


def table(results: dict[str, Any]) -> str:
    """Markdown tables: accuracy after each batch, and labels for the goal."""
    lines = ["| dataset | labels | at random | chosen | difference (points) |", "|---|---|---|---|---|"]
    goals = [
        f"| dataset | accuracy with all labels | labels for {GOAL:.0%} of it, at random | chosen | ever worse |",
        "|---|---|---|---|---|",
    ]
    for preset, run in results["datasets"].items():
        gains = difference(run)
        for place, (count, (gain, spread)) in enumerate(zip(COUNTS, gains, strict=True)):
            shown = " | ".join(
                f"{np.mean(values):.1%} ± {100 * np.std(values, ddof=1):.1f}"
                for values in (np.asarray(run[way])[:, place] for way in ("random", "chosen"))
            )
            lines.append(f"| `{preset}` | {count} | {shown} | {100 * gain:+.1f} ± {100 * spread:.1f} |")
        worse = [count for count, (gain, spread) in zip(COUNTS, gains, strict=True) if gain + spread < 0]
        enough = " | ".join(_range(run, way) for way in ("random", "chosen"))
        told = ", ".join(map(str, worse)) or "no"
        goals.append(f"| `{preset}` | {np.mean(run['full']):.1%} | {enough} | {told} |")
    note = (
        f"{DRAWS} draws, each of which holds out another quarter. ± is the standard deviation over draws, that of the "
        f"difference half of its 95 % interval, paired by draw. Labels for {GOAL:.0%}: the median, and the range."
    )
    return "\n".join([*lines, "", *goals, "", note, "", footer(results["machine"])]) + "\n"


def _range(run: dict[str, Any], way: str) -> str:
    """Median and range over draws of the labels that were needed."""
    counts = [needed(row, full) or np.inf for row, full in zip(run[way], run["full"], strict=True)]
    names = [f"{count:.0f}" if np.isfinite(count) else f"over {COUNTS[-1]}" for count in sorted(counts)]
    return f"{names[len(names) // 2]} ({names[0]} to {names[-1]})"


if __name__ == "__main__":
    prepare()
    measured: dict[str, Any] = {}
    for trial in (trial for trial in TRIALS if trial.preset in PRESETS):
        with ready(trial, Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED) as clone:
            clone.call("dvc", "repro", "--quiet", "embed")
            measured[trial.preset] = measure(clone.folder / "data")
    results = {"datasets": measured, "machine": machine()}
    save(OUT, results, table(results))
