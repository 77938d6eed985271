"""Time and memory of the front half as datasets grow: ``python -m benchmarks.scale``.

Two tables in ``benchmarks/scale.md``: the stages download (a linked folder), index, split and presize
on 10,000 to 100,000 small JPEGs, each stage as its own process, as DVC runs it; and labelling and
splitting on 100,000 to 1,000,000 rows, where the pictures need not exist. Peak memory is what the
system counts for the process. About fifteen minutes on two cores and 3 GB of disk.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.machine import ROOT, footer, machine, save
from graft.apps.use.presets import write_values
from graft.core import tables

OUT = Path(__file__).with_suffix(".json")
IMAGES = (10_000, 30_000, 100_000)
ROWS = (100_000, 300_000, 1_000_000)
SIDE = 64
STAGES = ("download", "index", "split", "presize")
PARAMS = {
    "source": {"uri": "images", "licence": "none"},
    "labels": {"rule": "folder"},
    "index": {"only": []},
    "split": {"by": "random", "test": 0.2, "valid": 0.2, "stratify": ["label"], "seed": 0},
    "presize": {"size": SIDE},
}


def draw(folder: Path, count: int) -> None:
    """Write pictures that differ as pictures do, one in a hundred a copy of the one before."""
    generator = np.random.default_rng(0)
    for kind in ("a", "b", "c", "d"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        path = folder / "abcd"[number % 4] / f"{number:07}.jpg"
        if number % 100 == 99:
            shutil.copy(folder / "abcd"[(number - 1) % 4] / f"{number - 1:07}.jpg", path)
            continue
        coarse = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=90)


def project(folder: Path) -> Path:
    """Copy what the stages need into a folder."""
    for name in ("graft", "stages", "params.yaml", "corrections.csv"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    write_values(PARAMS, folder / "params.yaml")
    (folder / "data").mkdir()
    return folder


def timed(folder: Path, *words: str) -> dict[str, float]:
    """Run a module; return its seconds and peak memory in GB."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed with {status}")
    return {"seconds": round(time.perf_counter() - began, 1), "memory": round(usage.ru_maxrss / 1e6, 3)}


def run_images(count: int) -> dict[str, Any]:
    """Run the front half on pictures drawn for it."""
    with tempfile.TemporaryDirectory() as name:
        folder = project(Path(name))
        draw(folder / "images", count)
        found = {stage: timed(folder, f"stages.{stage}", *["dataset"][: stage == "download"]) for stage in STAGES}
        counts = json.loads((folder / "reports/index/metrics.json").read_text())
        return found | {"copies": counts["duplicates"]["exact"] + counts["duplicates"]["near"]}


def run_rows(count: int) -> dict[str, Any]:
    """Label that many paths and divide them; the tables are as `index` would write them."""
    with tempfile.TemporaryDirectory() as name:
        folder = project(Path(name))
        found = {"labelling": timed(folder, "benchmarks.scale", "rows", str(count), name)}
        return found | {"split": timed(folder, "stages.split")}


def write_rows(count: int, folder: Path) -> None:
    """Write images.csv and labels.csv for pictures that do not exist."""
    from graft.labels.corrections import Corrections
    from graft.labels.rules import Labels, apply_rule

    generator = np.random.default_rng(0)
    paths = [f"{'abcd'[number % 4]}/{number:07}.jpg" for number in range(count)]
    paths.sort()
    images = pd.DataFrame({"path": paths, "sha256": [generator.bytes(32).hex() for _ in paths]})
    for column, values in {"bytes": 9999, "width": 999, "height": 999}.items():
        images[column] = generator.integers(1, values, count)
    images = images.assign(format="JPEG", mode="RGB", camera="", taken="", duplicate_group=range(count))
    corrections = Corrections.read(folder / "corrections.csv")
    labelled = apply_rule(Labels(rule="folder"), folder, paths, corrections)
    tables.write(folder / "data/images.csv", images)
    tables.write(folder / "data/labels.csv", labelled.rows)


def table(results: dict[str, Any]) -> str:
    """Both tables in Markdown, seconds and peak memory."""

    def cell(found: dict[str, float]) -> str:
        return f"{found['seconds']:g} s, {found['memory']:.2f} GB"

    lines = ["| pictures | " + " | ".join(STAGES) + " | copies found |", "|---" * (len(STAGES) + 2) + "|"]
    for count, found in results["images"].items():
        lines.append(f"| {int(count):,} | " + " | ".join(cell(found[s]) for s in STAGES) + f" | {found['copies']:,} |")
    lines += ["", "| rows | labelling | split |", "|---|---|---|"]
    lines += [f"| {int(c):,} | {cell(f['labelling'])} | {cell(f['split'])} |" for c, f in results["rows"].items()]
    return "\n".join([*lines, "", footer(results["machine"])]) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["rows"]:
        write_rows(int(sys.argv[2]), Path(sys.argv[3]))
        sys.exit()
    os.environ["PYTHONPATH"] = str(ROOT)  # for this module, in folders that hold the stages alone
    results: dict[str, Any] = {
        "images": {count: run_images(count) for count in IMAGES},
        "rows": {count: run_rows(count) for count in ROWS},
        "machine": machine(),
    }
    save(OUT, results, table(results))
