"""Both ways to split the solar cells, over three seeds: ``python -m benchmarks.solar_cells``.

Runs the whole pipeline for each preset in a clone of HEAD, then, for every further seed of training,
what depends on it, and writes ``benchmarks/solar_cells.json`` and the table
``benchmarks/solar_cells.md``. About ten minutes a preset on two cores.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from benchmarks.machine import ROOT, footer, machine, save
from benchmarks.trial import Clone
from graft.apps.use.presets import write_values

OUT = Path(__file__).with_suffix(".json")
PRESETS = ("solar-cells", "solar-cells-random")
SEEDS = (42, 1, 2)
"""The first is that of params.yaml, whose intervals and seconds are told."""


def run_preset(preset: str) -> dict[str, Any]:
    """Run one preset in a clone of its own; return its figures, seed by seed, and the seconds of every stage."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Clone(Path(folder) / "graft")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone.folder)], check=True)
        clone.call("graft", "use", preset)
        runs = []
        for seed in SEEDS:
            write_values({"seed": seed}, clone.folder / "params.yaml", dry_run=False)
            began = time.perf_counter()
            clone.call("dvc", "repro")
            seconds = round(time.perf_counter() - began)
            metrics = json.loads((clone.folder / "reports/evaluate/metrics.json").read_text())
            choice = json.loads((clone.folder / "reports/finetune/metrics.json").read_text())
            runs.append(metrics | {"seed": seed, "finetune": choice, "seconds": seconds, "stages": _seconds(clone)})
        audit = json.loads((clone.folder / "reports/split/audit.json").read_text())
        return {"runs": runs, "metadata": audit["metadata"]}


def _seconds(clone: Clone) -> dict[str, float]:
    """Seconds of each stage, from its wall-clock log."""
    found: dict[str, float] = {}
    for log in sorted((clone.folder / ".graft/log").glob("*.log")):
        done = [line for line in log.read_text().splitlines() if " done in " in line]
        found[log.stem] = float(done[-1].split(" done in ")[1].removesuffix(" s"))
    return found


def table(results: dict[str, Any]) -> str:
    """Markdown table of accuracies: the interval of the first seed, mean and deviation over all."""
    lines = [
        "| preset | test pictures | majority | without pixels | head alone (95 % interval) | over seeds "
        "| fine-tuned (95 % interval) | over seeds | pipeline |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for preset in [name for name in PRESETS if name in results]:
        runs = results[preset]["runs"]
        first = runs[0]
        cells = [f"`{preset}`", str(first["test"]["images"]), f"{first['majority']['accuracy']:.1%}"]
        cells += [f"{results[preset]['metadata']['accuracy']:.1%}"]
        for name in ("head", "test"):
            cells += [_share(first[name]), spread([run[name]["accuracy"] for run in runs])]
        lines.append("| " + " | ".join([*cells, f"{first['seconds']} s"]) + " |")
    seeds = f"Over seeds: mean and standard deviation over the training seeds {', '.join(map(str, SEEDS))}."
    return "\n".join([*lines, "", f"{seeds} {footer(results['machine'])}"]) + "\n"


def spread(shares: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{fmean(shares):.1%} ± {100 * stdev(shares):.1f}"


def _share(figures: dict[str, float]) -> str:
    return f"{figures['accuracy']:.1%} ({figures['accuracy_low']:.1%} to {figures['accuracy_high']:.1%})"


def main() -> None:
    """Run the presets that are asked for; figures of the others stay as they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--presets", nargs="+", default=PRESETS, choices=PRESETS)
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.is_file() else {}
    results = {name: found for name, found in results.items() if "runs" in found}
    for preset in parser.parse_args().presets:
        results[preset] = run_preset(preset)
        results["machine"] = machine()
        save(OUT, results, table(results))


if __name__ == "__main__":
    main()
