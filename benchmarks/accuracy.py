"""What the whole recipe reaches over several splits: ``python -m benchmarks.accuracy [DATASET ...]``.

In a clone of HEAD, runs the pipeline once a split seed and reads what `evaluate` measured of the head and of the
fine-tuned network, on test, and of heads cross-validated over all images. Writes ``benchmarks/accuracy.json`` and
``benchmarks/accuracy.md``, dataset by dataset, with and without fine-tuning. Ten splits of solar cells take about an
hour on two cores, a quarter of it with ``--head-only``.
"""

import argparse
import json
import time
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any, NamedTuple

from benchmarks.machine import footer, machine, save
from benchmarks.trial import Clone, cloned, words
from graft.apps.use.presets import write_values
from graft.core import params

OUT = Path(__file__).with_suffix(".json")


class Recipe(NamedTuple):
    """A preset, the archive of its images as `trial.words` takes both, how many splits are drawn, and what else."""

    preset: str
    archive: str | None
    splits: int
    options: tuple[str, ...] = ()


RECIPES = {
    "solar-cells-random": Recipe("solar-cells-random", None, 10),
    "solar-cells-random, accurate": Recipe("solar-cells-random", None, 10, ("--backbone", "accurate")),
    "solar-cells": Recipe("solar-cells", None, 10),
    "dogs-vs-cats": Recipe("dogs-vs-cats", "dogs-vs-cats-800.zip", 5),
    "food-10": Recipe("food-10", "food-10.zip", 1),
}
"""By dataset; that of food-10 keeps to its official lists, so its split is given."""
HEAD_ONLY = ", head alone"
"""Follows the name of a dataset whose network was not fine-tuned."""


def begun(recipe: Recipe) -> AbstractContextManager[Clone]:
    """A clone of HEAD that uses the recipe."""
    return cloned(*words(recipe.preset, recipe.archive), *recipe.options)


def reproduce(clone: Clone, stage: str) -> float:
    """Run what a stage wants; return the seconds it took."""
    began = time.perf_counter()
    clone.call("dvc", "repro", "--quiet", stage)
    return round(time.perf_counter() - began, 1)


def draw_split(file: Path, seed: int) -> None:
    """Have another split drawn; the rest of its section stays as it is."""
    write_values({"split": params.load(file)["split"] | {"seed": seed}}, file)


def run(recipe: Recipe, head_only: bool, splits: int | None) -> list[dict[str, Any]]:
    """Figures of every split, with the seconds to the features, which all splits share, and from there."""
    runs = []
    with begun(recipe) as clone:
        features = reproduce(clone, "embed")
        if head_only:
            write_values({"finetune": {"epochs": 0}}, clone.folder / "params.yaml")
        for seed in range(min(splits or recipe.splits, recipe.splits)):
            draw_split(clone.folder / "params.yaml", seed)
            seconds = reproduce(clone, "evaluate")
            metrics = json.loads((clone.folder / "reports/evaluate/metrics.json").read_text())
            runs.append(metrics | {"seed": seed, "features": features, "seconds": seconds})
            print(f"split {seed}: {metrics['test']['accuracy']:.1%} in {seconds:.0f} s", flush=True)
    return runs


def spread(runs: list[dict[str, Any]], key: str) -> str:
    """Mean and standard deviation of an accuracy over splits; of one split its interval."""
    values = [run[key]["accuracy"] for run in runs if key in run]
    if not values:
        return "not run"
    if len(values) > 1:
        return f"{fmean(values):.1%} ± {100 * stdev(values):.1f}"
    first = runs[0][key]
    return f"{first['accuracy']:.1%} ({first['accuracy_low']:.1%} to {first['accuracy_high']:.1%})"


def table(results: dict[str, Any]) -> str:
    """Markdown table, a row a dataset."""
    lines = [
        "| dataset | splits | test images | head | fine-tuned | handed on | cross-validated, of the first split "
        "| to the features | from there |",
        "|" + "---|" * 9,
    ]
    datasets = results["datasets"]
    for name in (name + kind for name in RECIPES for kind in (HEAD_ONLY, "") if name + kind in datasets):
        runs = datasets[name]
        every = spread(runs[:1], "cross_validated")
        times = [f"{runs[0]['features']:.0f} s", f"{median(run['seconds'] for run in runs):.0f} s"]
        cells = [name, len(runs), runs[0]["test"]["images"], spread(runs, "head"), spread(runs, "finetuned")]
        lines.append("| " + " | ".join(map(str, [*cells, spread(runs, "test"), every, *times])) + " |")
    said = (
        "± is the standard deviation over splits. Times: from the images to their features, once; then from split to "
        "evaluate, the median over splits."
    )
    return "\n".join([*lines, "", f"{said} {footer(results['machine'])}"]) + "\n"


def main() -> None:
    """Run what is asked for; figures of other datasets stay as they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help=f"of {', '.join(RECIPES)}; all without")
    parser.add_argument("--splits", type=int, help="fewer splits than usual")
    parser.add_argument("--head-only", action="store_true", help="without fine-tuning")
    asked = parser.parse_args()
    if unknown := [name for name in asked.datasets if name not in RECIPES]:
        parser.error(f"{', '.join(unknown)}: expected {', '.join(RECIPES)}")
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.is_file() else {"datasets": {}}
    for name in asked.datasets or RECIPES:
        results["datasets"][name + HEAD_ONLY * asked.head_only] = run(RECIPES[name], asked.head_only, asked.splits)
        results["machine"] = machine()
        save(OUT, results, table(results))


if __name__ == "__main__":
    main()
