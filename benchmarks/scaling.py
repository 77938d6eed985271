"""Time, memory and disk by stage from 10^3 to 10^8 images: ``python -m benchmarks.scaling [IMAGES ...]``.

Draws small JPEGs and runs the stages of the default recipe (EfficientNet-Lite0, one epoch of fine-tuning) each as a
process of its own, as DVC runs it. What a stage costs at all and what each image adds follow from the two smallest
runs; what that predicts stands beside what larger runs take, whose images only go through the stages up to the head,
or to `presize`. Beyond that all figures are calculation: the table of decades is straight lines drawn on.

Times are those of the processor, all cores together. About half an hour on two idle cores and 25 GB of disk; of all
runs, or of those whose numbers of images are given, while the figures of the others stay as they are.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.machine import ROOT, footer, machine, save
from benchmarks.scale import project
from graft.apps.use.presets import write_values

OUT = Path(__file__).with_suffix(".json")
FEW, SOME, MANY, MOST = 200, 1_000, 10_000, 100_000
DECADES = range(3, 9)
STAGES = (
    *("download", "index", "split", "presize", "embed", "train_head"),
    *("finetune", "evaluate", "report", "export"),
)
RUNS = {FEW: STAGES, SOME: STAGES, MANY: STAGES[:6], MOST: STAGES[:4]}
"""Stages by number of images."""
DISKS = {"images": "images", "tables": "data/*.csv", "presized": "data/presized", "embeddings": "data/embeddings"}
EPOCHS = 5
"""Of the default recipe, which the decades are worked out for."""
PARAMS: dict[str, Any] = {
    "source": {"uri": "images", "licence": "none"},
    "labels": {"rule": "folder"},
    "split": {"by": "random", "test": 0.25, "valid": 0.2, "stratify": ["label"], "seed": 0},
    "presize": {"size": 256},
    "finetune": {"epochs": 1},
}


@dataclass(frozen=True, slots=True)
class Line:
    """A figure that grows by so much with each image."""

    start: float
    slope: float

    @classmethod
    def through(cls, images: int, figure: float, more: int, then: float) -> "Line":
        """Through what was measured of two numbers of images; nothing shrinks with them."""
        slope = max(then - figure, 0.0) / (more - images)
        return cls(max(figure - slope * images, 0.0), slope)

    def at(self, images: float) -> float:
        """The figure at so many images."""
        return self.start + self.slope * images


def draw(folder: Path, count: int) -> None:
    """Write JPEGs of 320 x 240 pixels in two classes that differ in colour."""
    generator = np.random.default_rng(0)
    for kind, tint in (("a", (40, 0, 0)), ("b", (0, 0, 40))):
        (folder / kind).mkdir(parents=True)
        for number in range(count // 2):
            coarse = generator.integers(0, 200, (12, 16, 3)) + np.array(tint)
            image = Image.fromarray(coarse.astype(np.uint8)).resize((320, 240), Image.Resampling.BICUBIC)
            image.save(folder / kind / f"{number:07}.jpg", quality=90)


def run(count: int, stages: tuple[str, ...]) -> dict[str, Any]:
    """Run stages over so many images; return the processor's seconds and peak GB of each, and MB on disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = project(Path(name))
        write_values(PARAMS, folder / "params.yaml")
        for file in ("dvc.yaml", "constraints.txt"):
            (folder / file).symlink_to(ROOT / file)
        draw(folder / "images", count)
        measured(folder, "stages.download", "weights")
        found = {stage: measured(folder, f"stages.{stage}", *["dataset"][: stage == "download"]) for stage in stages}
        return {"stages": found, "disk": {kind: size(folder, pattern) for kind, pattern in DISKS.items()}}


def measured(folder: Path, *words: str) -> dict[str, float]:
    """Run a module; return the seconds of all cores together, and the most memory of its own in GB.

    Pages of mapped files are left out: they grow with the data, and the system takes them back when it needs them.
    """
    process = subprocess.Popen([sys.executable, "-m", *words], cwd=folder, stdout=subprocess.DEVNULL)
    ended, memory = 0, 0
    while not ended:
        facts = Path(f"/proc/{process.pid}/status").read_text()
        memory = max([memory, *map(int, re.findall(r"^RssAnon:\s+(\d+) kB", facts, re.MULTILINE))])
        time.sleep(0.05)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    if status:
        raise SystemExit(f"{' '.join(words)} failed with {status}")
    return {"seconds": round(usage.ru_utime + usage.ru_stime, 1), "memory": round(memory / 1e6, 3)}


def size(folder: Path, pattern: str) -> float:
    """Size of the files that a pattern names, or that lie below folders of it, in MB."""
    found = [file for path in folder.glob(pattern) for file in ([path] if path.is_file() else path.rglob("*"))]
    return round(sum(file.stat().st_size for file in found if file.is_file()) / 1e6, 3)


def times(results: dict[str, Any]) -> dict[str, Line]:
    """Seconds of each stage, `finetune` with one epoch."""
    few, some = (results["runs"][str(images)]["stages"] for images in (FEW, SOME))
    return {stage: Line.through(FEW, few[stage]["seconds"], SOME, some[stage]["seconds"]) for stage in STAGES}


def seconds(results: dict[str, Any], images: int) -> dict[str, float]:
    """Seconds of each stage of the default recipe."""
    lines = times(results)
    found = {stage: line.at(images) for stage, line in lines.items()}
    found["finetune"] += lines["finetune"].slope * images * (EPOCHS - 1)
    return found


def constants(results: dict[str, Any]) -> list[str]:
    """Table of what each stage costs, and of what that predicts of larger runs beside what was measured."""
    checks = [f"{images:,} images: predicted | measured" for images in (MANY, MOST)]
    own = [f"memory at {images:,}" for images in (SOME, MANY, MOST)]
    rows = [f"| {' | '.join(['stage', 'at all', 'each image', *checks, *own])} |", "|---" * 10 + "|"]
    for stage, line in times(results).items():
        measured = {images: results["runs"][str(images)]["stages"].get(stage) for images in (SOME, MANY, MOST)}
        cells = [f"{line.start:.1f} s", f"{1000 * line.slope:.2f} ms"]
        for images in (MANY, MOST):
            found = measured[images]
            cells += [f"{line.at(images):.0f} s", f"{found['seconds']:.0f} s" if found else "-"]
        cells += [f"{found['memory']:.2f} GB" if found else "-" for found in measured.values()]
        rows.append(f"| {stage.replace('_', '-')} | " + " | ".join(cells) + " |")
    return rows


def decades(results: dict[str, Any]) -> list[str]:
    """Table of the whole recipe from 10^3 to 10^8 images."""
    each = {kind: results["runs"][str(MANY)]["disk"][kind] / MANY for kind in DISKS}  # MB
    rows = ["| images | core time | slowest stage | presized | embeddings | tables |", "|---" * 6 + "|"]
    for decade in DECADES:
        took = seconds(results, 10**decade)
        slowest = max(took, key=took.__getitem__)
        cells = [duration(sum(took.values())), f"{slowest}, {took[slowest] / sum(took.values()):.0%}"]
        cells += [amount(each[kind] * 10**decade) for kind in ("presized", "embeddings", "tables")]
        rows.append(f"| 10^{decade} | " + " | ".join(cells) + " |")
    return rows


def duration(number: float) -> str:
    """A time in the unit that reads best."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if number >= 2 * length:
            return f"{two_digits(number / length)} {unit}"
    return f"{two_digits(number)} s"


def amount(megabytes: float) -> str:
    """A size in the unit that reads best."""
    for unit, length in (("TB", 1e6), ("GB", 1e3)):
        if megabytes >= length:
            return f"{two_digits(megabytes / length)} {unit}"
    return f"{two_digits(megabytes)} MB"


def two_digits(number: float) -> str:
    """A number in two significant digits, without an exponent."""
    return f"{round(number, 1 - math.floor(math.log10(number))):,.10g}" if number > 0 else "0"


def page(results: dict[str, Any]) -> str:
    """Both tables in Markdown."""
    return "\n".join([*constants(results), "", *decades(results), "", footer(results["machine"])]) + "\n"


def main() -> None:
    """Run what is asked for; figures of other runs stay as they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("images", nargs="*", type=int, choices=list(RUNS), help="all without", metavar="IMAGES")
    asked = parser.parse_args().images or list(RUNS)
    os.environ["PYTHONPATH"] = str(ROOT)
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.is_file() else {"runs": {}}
    for images in asked:
        results["runs"][str(images)] = run(images, RUNS[images])
        results["machine"] = machine()
        OUT.write_text(json.dumps(results, indent=2) + "\n")
    if missing := [images for images in RUNS if str(images) not in results["runs"]]:
        parser.exit(message=f"no table yet: runs of {missing} images are missing\n")
    save(OUT, results, page(results))


if __name__ == "__main__":
    main()
