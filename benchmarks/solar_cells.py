"""Both ways to split the solar cells, side by side: ``python -m benchmarks.solar_cells``.

Runs the whole pipeline for each preset in a clone of HEAD, one after another, and writes
``benchmarks/solar_cells.json`` and the table ``benchmarks/solar_cells.md``. About six minutes each
on two cores.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, footer, machine

OUT = Path(__file__).with_suffix(".json")
PRESETS = ("solar-cells", "solar-cells-random")


def run_preset(preset: str) -> dict[str, Any]:
    """Run one preset in a clone of its own; return its metrics and the seconds of every stage."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "graft"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

        def call(*words: str) -> None:
            subprocess.run([sys.executable, "-m", *words], cwd=clone, env=environment, check=True)

        call("graft", "use", preset)
        began = time.perf_counter()
        call("dvc", "repro")
        seconds = time.perf_counter() - began
        metrics: dict[str, Any] = json.loads((clone / "reports/evaluate/metrics.json").read_text())
        choice = json.loads((clone / "reports/finetune/metrics.json").read_text())
        audit = json.loads((clone / "reports/split/audit.json").read_text())
        facts = {"finetune": choice, "metadata": audit["metadata"]}
        return metrics | facts | {"seconds": round(seconds), "stages": _stage_seconds(clone)}


def _stage_seconds(clone: Path) -> dict[str, float]:
    """Seconds of each stage, from its wall-clock log."""
    found: dict[str, float] = {}
    for log in sorted((clone / ".graft/log").glob("*.log")):
        done = [line for line in log.read_text().splitlines() if " done in " in line]
        found[log.stem] = float(done[-1].split(" done in ")[1].removesuffix(" s"))
    return found


def table(results: dict[str, Any]) -> str:
    """Markdown table of accuracies with their intervals."""
    lines = [
        "| preset | test pictures | majority | without pixels | linear probe (95 % interval) "
        "| fine-tuned (95 % interval) | pipeline |",
        "|---|---|---|---|---|---|---|",
    ]
    for preset in PRESETS:
        row = results[preset]
        shares = [_share(row[name]) for name in ("probe", "test")]
        majority = f"{row['majority']['accuracy']:.1%}"
        lines.append(
            f"| `{preset}` | {row['test']['pictures']} | {majority} | {row['metadata']['accuracy']:.1%} "
            f"| {shares[0]} | {shares[1]} | {row['seconds']} s |"
        )
    return "\n".join([*lines, "", footer(results["machine"])]) + "\n"


def _share(figures: dict[str, float]) -> str:
    return f"{figures['accuracy']:.1%} ({figures['accuracy_low']:.1%} to {figures['accuracy_high']:.1%})"


if __name__ == "__main__":
    results: dict[str, Any] = {preset: run_preset(preset) for preset in PRESETS}
    results["machine"] = machine()
    OUT.write_text(json.dumps(results, indent=2) + "\n")
    OUT.with_suffix(".md").write_text(table(results))
    print(table(results))
