"""What graft makes of one GPU: ``python -m benchmarks.gpu``, on a machine that has a CUDA device.

Needs only the repository and its packages: weights are random and images noise, as time does not depend on them. Prints
and writes to ``benchmarks/gpu.json`` and ``benchmarks/gpu.md``:

- a training step beside the bare network's, with its first epoch's extra cost and peak memory;
- embedding beside bare inference, and images a second of the data path alone;
- whether training twice, and training that went on from a checkpoint, gave the same bytes;
- the head's fit by all threads and by two, two fits at once; a process's fixed cost;
- the whole recipe from raw files beside fastai's, in fp32 and in half precision, where `benchmarks.against_fastai`
  finds what it needs (``make bench-env``, and for Dogs vs Cats its archive): else it says what is missing.

About half an hour, most of it the recipes: ``--skip recipe`` leaves them out, or any other part by its name.
"""

import argparse
import copy
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.against_fastai import PYTHON, run_fastai, run_graft
from benchmarks.machine import ROOT, footer, machine, save
from benchmarks.step_time import RATE, STEPS, Steps, draw
from benchmarks.trial import SHARED, TRIALS, Trial, ready
from graft.apps.use.presets import write_values
from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.backbone.build import create
from graft.backbone.library import allocate
from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset
from graft.finetune.config import Finetune
from graft.finetune.loop import Training
from graft.finetune.validate import Score
from graft.heads.config import TrainHead
from graft.heads.fit import fit_head
from graft.network.config import Precision
from graft.network.device import autocast, pick_device, prepare
from graft.network.features import Features
from graft.network.feed import feed, read_rows
from graft.network.fuse_bn import fold_batch_norms
from graft.network.head import Description, Head
from graft.network.inference import all_outputs, batch_size
from graft.network.network import Network, example_for, width
from graft.tasks import SingleLabel

OUT = Path(__file__).with_suffix(".json")
NETWORKS = ("tf_efficientnet_lite0", "resnet50", "vit_small_patch16_224")
BATCHES = (64, 128)
SIZE, STORED = 224, 256
"""Sides of images, as the network sees them and as the cache holds them at least."""
IMAGES, BYTES_BATCH, REPEATS = 4096, 16, 5
PRECISION: Precision = "bf16"
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
TASK = SingleLabel(["a", "b"])


def make_network(name: str, size: int) -> Network:
    """A network of an architecture with random weights, folded as `finetune` folds it, for two classes."""
    torch.manual_seed(0)
    body = allocate(create(name))
    for module in body.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
    fold_batch_norms(body, example_for(body, name))
    fields = {"layers": [], "pools": ["mean"], "standardise": False, "size": size, "classes": TASK.classes}
    description = Description.model_validate({"backbone": name, "mean": [0.5] * 3, "std": [0.25] * 3} | fields)
    features = Features(body, [], ["mean"])
    return Network(features, Head(width(Network(features, None, description)), 2), description).eval()


def time_steps(name: str, batch: int, size: int, folder: Path) -> dict[str, float]:
    """Milliseconds of a step of graft and of the bare network; the first epoch's extra; memory above the networks'."""
    network = make_network(name, size)
    images = draw(folder, STEPS * batch, max(size, STORED))
    config = Finetune(batch_size=batch, precision=PRECISION)
    steps = Steps(lambda: copy.deepcopy(network), images, config, Augment(), size)
    first = steps.whole()
    steps.network_alone()
    seconds: dict[str, list[float]] = {"graft": [], "bare": []}
    peaks: dict[str, float] = {}
    for _ in range(REPEATS):
        for side, turn in (("graft", steps.whole), ("bare", steps.network_alone)):
            peaks[f"peak_{side}"], taken = _with_peak(turn)
            seconds[side].append(taken)
    graft, bare = (1e3 * median(seconds[side]) for side in ("graft", "bare"))
    return {"graft": graft, "bare": bare, "first_epoch": STEPS * (1e3 * first - graft)} | peaks


def _with_peak(work: Callable[[], float]) -> tuple[float, float]:
    """GB that some work takes on a GPU at most, 0 elsewhere, and what it returns."""
    if not torch.cuda.is_available():
        return 0.0, work()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    returned = work()
    return (torch.cuda.max_memory_allocated() - before) / 1e9, returned


def time_inference(name: str, size: int, count: int, folder: Path) -> dict[str, float]:
    """Images a second: embedded by graft, through the bare network on a batch that lies ready, and the data alone."""
    device, network = pick_device(), make_network(name, size)
    images, batch = draw(folder, count, max(size, STORED)), batch_size(device, size)
    rows = np.arange(count)
    parts = np.array_split(rows, -(-count // batch))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    ready_batch = torch.rand((batch, 3, size, size), device=device)

    def embedded() -> None:
        all_outputs(network, images.pixels, rows, size, PRECISION, "embed")

    def bare() -> None:
        with torch.inference_mode(), autocast(device, PRECISION):
            for _ in parts:
                output = network(ready_batch)
        output.sum().item()  # waits for the device

    def data() -> None:
        for number, (pixels,) in enumerate(feed(lambda part: (read_rows(images.pixels, part, device),), parts, device)):
            views = augment(pixels, Augment(), size, number)
        views.sum().item()

    rates = {"embed": _rate(embedded, count), "data": _rate(data, count)}
    return rates | {"bare": _rate(bare, batch * len(parts))}


def _rate(work: Callable[[], None], images: int) -> float:
    """Images a second, the median of `REPEATS` after one that does not count."""
    work()
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return images / median(seconds)


def same_bytes(name: str, size: int, folder: Path) -> dict[str, bool]:
    """Whether a second training, and one that went on from a checkpoint, gave the bytes of the first."""
    network, images = make_network(name, size), draw(folder, 4 * BYTES_BATCH + 3, size)
    config = Finetune(epochs=2, batch_size=BYTES_BATCH, precision=PRECISION)
    runs = [Training(copy.deepcopy(network), TASK, images, _unscored, config, Augment(), RATE, 0) for _ in range(3)]
    for run in runs[:2]:
        for epoch in run.epochs():
            if epoch.epoch == 1:
                run.save(folder / "checkpoint.safetensors", [epoch])
    runs[2].resume(folder / "checkpoint.safetensors")
    for _ in runs[2].epochs():
        pass
    first, second, resumed = map(_digest, runs)
    return {"again": first == second, "resumed": first == resumed}


def _unscored(_: Network) -> Score:
    return Score({"accuracy": 0.0}, -1.0)


def _digest(run: Training) -> str:
    state = run.averaged().state_dict() | {f"now.{name}": value for name, value in run.network.state_dict().items()}
    values = (value.detach().cpu().contiguous().numpy().tobytes() for value in state.values())
    return hashlib.sha256(b"".join(values)).hexdigest()


def time_head(threads: int, images: int = 2000, width: int = 2688) -> float:
    """Seconds to fit the default head to features of noise, by at most so many threads."""
    with tempfile.TemporaryDirectory() as name:
        folder, generator = Path(name), np.random.default_rng(0)
        np.save(folder / "features.npy", generator.normal(size=(images, 1, width)).astype(np.float32))
        table = pd.DataFrame({"path": [f"{row:06}" for row in range(images)]})
        table.to_csv(folder / "rows.csv", index=False)
        table["label"], table["split"] = np.resize(["a", "b"], images), np.resize(["train", "train", "valid"], images)
        torch.set_num_threads(threads)
        began = time.perf_counter()
        fit_head(Embeddings(folder / "features.npy"), Dataset(table, ["a", "b"]), TrainHead(), 1e-3, 0)
        return time.perf_counter() - began


def time_heads(threads: int) -> float:
    """Seconds until two processes that begin at once have each fitted the head."""
    began = time.perf_counter()
    command = [sys.executable, "-c", f"from benchmarks.gpu import time_head; time_head({threads})"]
    both = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    return time.perf_counter() - began


def time_start(stage: str) -> float:
    """Seconds of a process that imports a stage and wakes the device."""
    code = f"import stages.{stage}, torch; from graft.network.device import pick_device as d; torch.ones(1, device=d())"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - began


def time_recipe(trial: Trial, precision: Precision, shared: Path, seed: int = 1) -> dict[str, Any]:
    """Seconds from raw files to graft's probe, graft's network and fastai's, or what is missing for that."""
    if trial.archive and not (shared / trial.archive).exists():
        return {"missing": f"{shared / trial.archive} is absent"}
    with ready(trial, shared) as clone:
        write_values(
            {"embed": {"precision": precision}, "finetune": {"precision": precision}}, clone.folder / "params.yaml"
        )
        found = run_graft(trial, seed, clone)
        told = {side: found[side]["seconds"] for side in ("probe", "graft")}
        if not PYTHON.exists():
            return told | {"missing": "fastai is not installed: make bench-env"}
        return told | {"fastai": run_fastai(trial, seed, clone, 8, precision != "fp32")["fastai"]["seconds"]}


def measure(skip: list[str], shared: Path) -> dict[str, Any]:
    """All parts but those to be skipped, by name."""
    prepare()
    threads = torch.get_num_threads()

    def in_folder(work: Callable[[Path], Any]) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return work(Path(folder))

    def each(work: Callable[[str], Any]) -> dict[str, Any]:
        return {name: work(name) for name in NETWORKS}

    parts: dict[str, Callable[[], Any]] = {
        "steps": lambda: each(
            lambda name: {batch: in_folder(partial(time_steps, name, batch, SIZE)) for batch in BATCHES}
        ),
        "inference": lambda: each(lambda name: in_folder(partial(time_inference, name, SIZE, IMAGES))),
        "bytes": lambda: each(lambda name: in_folder(partial(same_bytes, name, SIZE))),
        "head": lambda: {str(number): time_heads(number) for number in (2, threads)},
        "start": lambda: {stage: time_start(stage) for stage in ("embed", "train_head", "finetune", "evaluate")},
        "recipe": lambda: {
            f"{trial.preset}, {precision}": time_recipe(trial, precision, shared)
            for trial in TRIALS[:2]
            for precision in PRECISIONS
        },
    }
    return {name: part() for name, part in parts.items() if name not in skip}


def page(results: dict[str, Any]) -> str:
    """What was measured, each part as a table."""
    lines = []
    for name, batches in results.get("steps", {}).items():
        lines += [
            f"- step of {name}, batch {batch}: graft {found['graft']:.1f} ms, bare {found['bare']:.1f} ms, "
            f"{found['graft'] / found['bare']:.2f} times (to reach: 1.10); first epoch {found['first_epoch']:+.0f} ms; "
            f"peak {found['peak_graft']:.2f} GB, bare {found['peak_bare']:.2f} GB"
            for batch, found in batches.items()
        ]
    lines += [
        f"- embed by {name}: {found['embed']:.0f} images/s, bare {found['bare']:.0f}, "
        f"{found['embed'] / found['bare']:.0%} (to reach: 85%); data path {found['data']:.0f} images/s"
        for name, found in results.get("inference", {}).items()
    ]
    lines += [
        f"- same bytes of {name}: " + ", ".join(f"{how} {'yes' if same else 'NO'}" for how, same in found.items())
        for name, found in results.get("bytes", {}).items()
    ]
    lines += [
        f"- two heads at once by {number} threads: {took:.1f} s" for number, took in results.get("head", {}).items()
    ]
    lines += [f"- start of {stage}: {took:.1f} s (to reach: 3)" for stage, took in results.get("start", {}).items()]
    lines += [
        f"- {name}: " + ", ".join(f"{key} {value}" + " s" * (key != "missing") for key, value in found.items())
        for name, found in results.get("recipe", {}).items()
    ]
    return "\n".join([*lines, "", f"On {results['device']}; {footer(results['machine'])}", ""])


def main() -> None:
    """Measure what is asked for, write and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--skip", nargs="+", default=[], choices=["steps", "inference", "bytes", "head", "start", "recipe"]
    )
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of the archives")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON; the text lies beside it")
    words = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("benchmarks.gpu: torch finds no CUDA device here, so nothing is measured")
    device = torch.cuda.get_device_name()
    results = measure(words.skip, words.shared) | {"device": device, "machine": machine()}
    save(words.out, results, page(results))


if __name__ == "__main__":
    main()
