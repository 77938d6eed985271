"""Classifying pictures, beside fastai's exported learner: ``python -m benchmarks.predict``.

Both sides have the JPEGs of Dogs vs Cats, an EfficientNet-Lite0 with the same pretrained weights under
a head of two classes, and a CPU; sides take turns. Three figures: many pictures at a time
(`Predictor.predict_many` beside `Learner.get_preds`), one picture at a time (`predict` beside
`predict`), and from the start of a process to its first answer, imports and loading included. What
either spends on a picture begins with the file. Writes ``benchmarks/predict.json`` and
``benchmarks/predict.md``; needs ``make bench-env``; about ten minutes on two cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.against_fastai import PYTHON
from benchmarks.load import Clock
from benchmarks.machine import ROOT, footer, machine, save
from benchmarks.trial import SHARED, TRIALS, ready
from graft.apps.use.presets import write_values
from graft.predict import Prediction, Predictor

OUT = Path(__file__).with_suffix(".json")
WARM = 8
"""Pictures that are answered before any is timed."""
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
"""Of processes that are timed: torch takes every core, as graft does."""
COLD = "from sys import argv; from graft.predict import Predictor; print(Predictor(argv[1]).predict(argv[2]).label)"


@dataclass(frozen=True, slots=True)
class Figure:
    """A part of the table: what is measured, in which unit, its rows, and the goal for graft over fastai."""

    title: str
    unit: str
    goal: str
    sides: dict[str, str]
    more_is_better: bool = False


FIGURES = {
    "batch": Figure(
        "many pictures",
        "pictures a second",
        "5 times",
        {
            "graft": "graft, `predict_many`",
            "graft-int8": "graft, `predict_many`, int8",
            "fastai-0": "fastai, `get_preds`, no workers",
            "fastai-2": "fastai, `get_preds`, two workers",
        },
        more_is_better=True,
    ),
    "single": Figure(
        "one picture",
        "ms",
        "5 times",
        {"graft": "graft, `predict`", "graft-int8": "graft, `predict`, int8", "fastai": "fastai, `predict`"},
    ),
    "cold": Figure(
        "start of a process to its first answer",
        "ms",
        "4 times",
        {
            "graft": "graft, `Predictor` in Python",
            "graft-command": "graft, `graft predict FILE`",
            "fastai": "fastai, `load_learner` and `predict`",
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Bench:
    """Where everything lies."""

    bundle: Path
    learner: Path
    images: Path
    files: list[Path]
    rounds: int

    def fastai(self, *words: object) -> Any:
        """What fastai's half prints."""
        command = self.fastai_command(*words)
        said = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=True, capture_output=True, text=True)
        return json.loads(said.stdout.splitlines()[-1])

    def fastai_command(self, *words: object) -> list[str]:
        """The command line of fastai's half."""
        told = [f"--learner={self.learner}", f"--count={len(self.files)}", *map(str, words)]
        return [str(PYTHON), "-m", "benchmarks.fastai_predict", *told]

    def precisions(self) -> dict[str, str]:
        """The bundle's models, by the side of the table that they make."""
        said = json.loads((self.bundle / "graft.json").read_text()).get("models", {"float": "model.onnx"})
        return {"graft" if name == "float" else f"graft-{name}": name for name in said}


def batch(bench: Bench) -> dict[str, list[float]]:
    """Pictures a second, one figure a pass over all files."""
    rates: dict[str, list[float]] = {}
    for side, precision in bench.precisions().items():
        predictor = Predictor(bench.bundle, precision=precision)
        list(predictor.predict_many(bench.files[: 4 * WARM]))
        for _ in range(bench.rounds):
            began = time.perf_counter()
            good = sum(isinstance(result, Prediction) for result in predictor.predict_many(bench.files))
            rates.setdefault(side, []).append(len(bench.files) / (time.perf_counter() - began))
            assert good == len(bench.files)
    for workers in (0, 2):
        words = ("--do=batch", f"--pictures={bench.images}", f"--workers={workers}", f"--rounds={bench.rounds}")
        rates[f"fastai-{workers}"] = bench.fastai(*words)
    return rates


def single(bench: Bench) -> dict[str, list[float]]:
    """Milliseconds, one figure a picture."""
    times: dict[str, list[float]] = {}
    for side, precision in bench.precisions().items():
        predictor = Predictor(bench.bundle, precision=precision)
        for number, file in enumerate(bench.files[:WARM] + bench.files):
            began = time.perf_counter()
            predictor.predict(file)
            if number >= WARM:
                times.setdefault(side, []).append(1000 * (time.perf_counter() - began))
    seconds = bench.fastai("--do=single", f"--pictures={bench.images}")
    return times | {"fastai": [1000 * each for each in seconds]}


def cold(bench: Bench) -> dict[str, list[float]]:
    """Milliseconds, one figure a process."""
    file = str(bench.files[0])
    commands = {
        "graft": [sys.executable, "-c", COLD, str(bench.bundle), file],
        "graft-command": [sys.executable, "-m", "graft", "predict", file, "--bundle", str(bench.bundle)],
        "fastai": bench.fastai_command("--do=cold", f"--pictures={file}"),
    }
    times: dict[str, list[float]] = {side: [] for side in commands}
    for number in range(bench.rounds + 1):
        for side, command in commands.items():
            began = time.perf_counter()
            with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                said = process.stdout.readline()
                taken = 1000 * (time.perf_counter() - began)
            assert said.strip(), side
            if number:  # the first found no file in the system's cache
                times[side].append(taken)
    return times


def measure(shared: Path, rounds: int, count: int) -> dict[str, Any]:
    """Make a bundle and a learner over the same weights, and time both; times round by round of all sides."""
    trial = next(trial for trial in TRIALS if trial.preset == "dogs-vs-cats")
    parts: dict[str, Callable[[Bench], dict[str, list[float]]]] = {"batch": batch, "single": single, "cold": cold}
    with tempfile.TemporaryDirectory() as folder, ready(trial, shared) as clone:
        write_values({"finetune": {"epochs": 0}}, clone.folder / "params.yaml")  # the head is handed on as it is
        clone.call("dvc", "repro", "--quiet", "export")
        found = sorted(clone.images.rglob("*.jpg"))
        bench = Bench(
            clone.folder / "models/export", Path(folder) / "learner.pkl", found[0].parent, found[:count], rounds
        )
        weights = clone.folder / "models/backbone/model.safetensors"
        versions = bench.fastai("--do=prepare", f"--pictures={bench.images}", f"--weights={weights}")
        figures, began = {}, Clock.now()
        for name, part in parts.items():
            figures[name] = part(bench)
            print(name, {side: round(median(values), 1) for side, values in figures[name].items()}, flush=True)
        others = began.others(Clock.now())
    versions |= {"onnxruntime": version("onnxruntime")}
    return {
        "figures": figures,
        "images": len(bench.files),
        "others": round(others, 3),
        "versions": versions,
        "machine": machine(),
    }


def table(results: dict[str, Any]) -> str:
    """Markdown table of medians, and how many times as good graft is as each of fastai's rows."""
    lines = ["| what | side | median | middle half | graft's over it (goal) |", "|---|---|---|---|---|"]
    for name, figure in FIGURES.items():
        sides = results["figures"][name]
        for side, title in figure.sides.items():
            if side not in sides:
                continue
            middle, lead = median(sides[side]), ""
            if side.startswith("fastai"):
                ours = median(sides["graft"])
                lead = f"{ours / middle if figure.more_is_better else middle / ours:.1f} ({figure.goal})"
            low, high = _quartiles(sides[side])
            lines.append(
                f"| {figure.title} | {title} | {middle:.0f} {figure.unit} | {low:.0f} to {high:.0f} | {lead} |"
            )
    versions = ", ".join(f"{name} {said}" for name, said in sorted(results["versions"].items()))
    note = (
        f"{results['images']} pictures; others used {results['others']:.0%} of the cores meanwhile. "
        f"{versions}; {footer(results['machine'])}"
    )
    return "\n".join([*lines, "", note]) + "\n"


def _quartiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of the archives")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=400, help="images")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON; the table lies beside it")
    words = parser.parse_args()
    results = measure(words.shared, words.rounds, words.count)
    save(words.out, results, table(results))
