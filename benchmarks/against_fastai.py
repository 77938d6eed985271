"""graft beside fastai on the same pictures, split and pretrained weights: ``python -m benchmarks.against_fastai``.

Both begin with raw picture files, labels, a split and weights on disk, and both are timed with the
start of their processes. graft is timed twice: to the fitted head, decoding and embedding included,
and to the end of fine-tuning. fastai is timed to the end of its recipe, ``fine_tune``, one epoch of
the head and then some of all; graft fine-tunes for as many. Accuracy is that on the test pictures,
which neither has seen.

Every run is written to ``benchmarks/against_fastai.json`` as it ends, and is not run again but with
``--again``; the table is ``benchmarks/against_fastai.md``. Needs ``make bench-env``, and nothing
else at work on the machine: runs that others disturbed do not count for times. About two hours on
two cores.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import pandas as pd

from benchmarks.load import Clock
from benchmarks.machine import ROOT, footer, machine, save
from benchmarks.trial import SHARED, TRIALS, Clone, Trial, ready
from graft.apps.use.presets import write_values

OUT = Path(__file__).with_suffix(".json")
PYTHON = ROOT / ".venv-fastai/bin/python"
QUIET = 0.1
"""Largest share of the cores that others may have used for a time to count."""
SIDES = {"fastai": "fastai", "probe": "graft, head alone", "graft": "graft, fine-tuned"}
"""Rows of the table; graft's runs give the last two."""
Results = dict[str, Any]


def run_fastai(trial: Trial, seed: int, clone: Clone, workers: int, half: bool = False) -> Results:
    """Run fastai's recipe once, in half precision if asked for."""
    with tempfile.TemporaryDirectory() as folder:
        table, out = Path(folder) / "table.csv", Path(folder) / "out.json"
        labels = clone.table()
        labels.to_csv(table, index=False)
        words: dict[str, object] = {
            "images": clone.images,
            "table": table,
            "weights": clone.folder / "models/backbone/model.safetensors",
            "out": out,
            "epochs": trial.epochs,
            "seed": seed,
            "workers": workers,
            "half": int(half),
        }
        command = [f"--{name}={value}" for name, value in words.items()]
        began = Clock.now()
        subprocess.run([PYTHON, "-m", "benchmarks.fastai_side", *command], cwd=ROOT, check=True)
        others = began.others(Clock.now())
        said: Results = json.loads(out.read_text())
    said["wrong"] = _wrong(said.pop("predictions"), labels)
    seconds = round(said.pop("trained_at") - began.wall, 1)
    predicted = round(said.pop("predicted_at") - began.wall, 1)
    figures = {"seconds": seconds, "accuracy": said.pop("accuracy"), "others": round(others, 3)}
    return {"fastai": figures, "seconds_to_predictions": predicted, "workers": workers} | said


def _wrong(predictions: dict[str, str], labels: pd.DataFrame) -> dict[str, str]:
    truth = dict(zip(labels["path"], labels["label"], strict=True))
    return {path: said for path, said in predictions.items() if said != truth[path]}


def run_graft(trial: Trial, seed: int, clone: Clone) -> Results:
    """Run graft's stages once, in a clone where none of them has run."""
    write_values({"seed": seed, "finetune": {"epochs": trial.epochs}}, clone.folder / "params.yaml")
    probe = _timed(lambda: clone.call("dvc", "repro", "--quiet", "train-head"))
    whole = _timed(lambda: clone.call("dvc", "repro", "--quiet", "finetune"))
    whole = {"seconds": round(probe["seconds"] + whole["seconds"], 1), "others": max(probe["others"], whole["others"])}
    clone.call("dvc", "repro", "--quiet", "evaluate")
    reports = clone.folder / "reports"
    measured = json.loads((reports / "evaluate/metrics.json").read_text())
    choice = json.loads((reports / "finetune/metrics.json").read_text())
    return {
        "probe": probe | {"accuracy": measured["head"]["accuracy"]},
        "graft": whole | {"accuracy": measured["test"]["accuracy"]},
        "valid": choice["valid"],
        "kept": choice["kept"],
    }


def _timed(work: Callable[[], None]) -> dict[str, float]:
    began = Clock.now()
    work()
    ended = Clock.now()
    return {"seconds": round(ended.wall - began.wall, 1), "others": round(began.others(ended), 3)}


def summarise(runs: Iterable[dict[str, float]]) -> dict[str, Any]:
    """Median time of the runs nobody disturbed, mean and deviation of the accuracy of all."""
    runs = list(runs)
    quiet = [run["seconds"] for run in runs if run["others"] < QUIET]
    accuracies = [run["accuracy"] for run in runs]
    return {
        "runs": len(runs),
        "quiet": len(quiet),
        "seconds": median(quiet) if quiet else None,
        "accuracy": fmean(accuracies),
        "deviation": stdev(accuracies) if len(accuracies) > 1 else None,
    }


def of_side(results: Results, preset: str, side: str) -> dict[str, dict[str, float]]:
    """Runs of a row of the table by seed."""
    maker = "fastai" if side == "fastai" else "graft"
    start = f"{maker}/{preset}/"
    return {key.removeprefix(start): run[side] for key, run in results.items() if key.startswith(start)}


def table(results: Results) -> str:
    """Markdown table; ratios and differences are against fastai, the latter paired by seed."""
    lines = [
        "| dataset | side | test accuracy | less fastai's, paired | time | fastai's time over it | runs (quiet) |",
        "|---|---|---|---|---|---|---|",
    ]
    for trial in TRIALS:
        peer = of_side(results, trial.preset, "fastai")
        for side, title in SIDES.items():
            runs = of_side(results, trial.preset, side)
            if not runs:
                continue
            said = summarise(runs.values())
            cells = [f"`{trial.preset}`", title, _accuracy(said), "", _seconds(said["seconds"]), ""]
            if peer and side != "fastai":
                cells[3] = _difference(runs, peer)
                times = summarise(peer.values())["seconds"], said["seconds"]
                cells[5] = f"{times[0] / times[1]:.1f}" if all(times) else "not measured"
            lines.append("| " + " | ".join([*cells, f"{said['runs']} ({said['quiet']})"]) + " |")
    return "\n".join(lines) + "\n"


def _accuracy(said: dict[str, Any]) -> str:
    spread = "" if said["deviation"] is None else f" ± {said['deviation']:.1%}"
    return f"{said['accuracy']:.1%}{spread}"


def _seconds(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"{seconds:.0f} s"


def _difference(runs: dict[str, dict[str, float]], peer: dict[str, dict[str, float]]) -> str:
    """Mean and deviation of the differences between runs of the same seed, in points of a hundred."""
    points = [100 * (runs[seed]["accuracy"] - peer[seed]["accuracy"]) for seed in runs if seed in peer]
    if not points:
        return ""
    spread = f" ± {stdev(points):.1f}" if len(points) > 1 else ""
    return f"{fmean(points):+.1f}{spread}"


def page(results: Results) -> str:
    """The table, how to read it, and what it was measured on."""
    facts = [results[key] for key in sorted(results)]
    versions = sorted({run["fastai_version"] for run in facts if "fastai_version" in run})
    epochs = ", ".join(f"{trial.epochs} on {trial.preset}" for trial in TRIALS)
    commits = ", ".join(dict.fromkeys(run["machine"]["commit"] for run in facts))
    return "\n".join(
        [
            table(results),
            "± is the standard deviation over seeds. Times are medians over the runs in which others used less than "
            f"{QUIET:.0%} of the cores. Both sides train the whole network for as many epochs: {epochs}.",
            "",
            f"fastai {', '.join(versions) or 'not run'}; {footer(facts[-1]['machine'] | {'commit': commits})}",
            "",
        ]
    )


def main() -> None:
    """Run what is asked for and not done; write the table anew after each run."""
    words = _words()
    out: Path = words.out
    results: Results = json.loads(out.read_text()) if out.is_file() else {}
    for trial in TRIALS:
        for seed in words.seeds if trial.preset in words.data else []:
            for side in words.side:
                key = f"{side}/{trial.preset}/{seed}"
                if key in results and not words.again:
                    continue
                with ready(trial, words.shared) as clone:
                    fastai = side == "fastai"
                    run = run_fastai(trial, seed, clone, words.workers) if fastai else run_graft(trial, seed, clone)
                results[key] = run | {"machine": machine()}
                save(out, dict(sorted(results.items())), page(results))
                print(key, {name: figures for name, figures in run.items() if name in SIDES}, flush=True)
    print(table(results))


def _words() -> argparse.Namespace:
    presets = [trial.preset for trial in TRIALS]
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", choices=presets, default=presets)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--side", nargs="+", choices=["fastai", "graft"], default=["fastai", "graft"])
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of the archives")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON; the table lies beside it")
    parser.add_argument("--workers", type=int, default=0, help="processes that load fastai's pictures")
    parser.add_argument("--again", action="store_true", help="run what is done already, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
