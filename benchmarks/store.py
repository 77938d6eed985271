"""What `presize.store: jpeg` costs: ``python -m benchmarks.store``.

Takes the finished ``dvc repro`` of the default preset, encodes its presized images anew, and compares: room on
disk; the accuracy of a linear probe on embeddings over five seeds of a split by group, whose pixels' embeddings are
those of the run; the time to read an image, by three decoders; the time of a training step, in turns. Writes
``benchmarks/store.json`` and ``benchmarks/store.md``; about ten minutes on two cores.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.machine import ROOT, footer, machine, save
from benchmarks.step_time import Steps
from graft.augment.config import Augment
from graft.core import params, tables
from graft.data.arrays import Embeddings, ImageRows, PartialArray
from graft.data.dataset import LabelledImages, read_dataset
from graft.data.presized import JPEGS, PartialJpegs, decode, encode, read_presized
from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import freeze
from graft.network.config import Embed
from graft.network.device import prepare
from graft.network.head import Head
from graft.network.inference import embed
from graft.network.network import grafted, pretrained, width

OUT = Path(__file__).with_suffix(".json")
SEEDS = 5
PENALTY = 0.003
"""Inverse strength of the probe's penalty, in sklearn's terms."""
READ, REPEATS, STEPS = 256, 7, 8


def encoded(pixels: ImageRows, quality: int, folder: Path) -> ImageRows:
    """Encode presized images anew, as `presize` would."""
    count = len(pixels.paths)
    into = PartialJpegs(folder / "unfinished", count, pixels.shape[1], quality)
    for row in range(count):
        into.put(row, encode(pixels.read(np.array([row]))[0], quality))
    into.mark(count)
    into.move(folder / JPEGS)
    tables.write(folder / "rows.csv", pd.DataFrame({"path": pixels.paths, "aspect": pixels.aspects}))
    return read_presized(folder)


def embeddings(images: ImageRows, config: Embed, backbone: Path, folder: Path) -> NDArray[np.float32]:
    """Features of all images, `[N, D]`, of their plain view."""
    network, _ = pretrained(backbone, config)
    into = PartialArray(folder, (len(images.paths), len(config.flips), width(network)), np.float32)
    embed(network, images, config, into)
    return np.array(into.rows[:, 0])


def probe(features: NDArray[np.float32], labels: NDArray[Any], groups: NDArray[Any], seed: int) -> float:
    """Accuracy of a linear probe on a quarter of the groups, held out."""
    (train, test), *_ = GroupShuffleSplit(1, test_size=0.25, random_state=seed).split(features, labels, groups)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=200))
    return float(model.fit(features[train], labels[train]).score(features[test], labels[test]))


def turns(sides: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each, after a turn of each that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(repeats + 1):
        for name, side in sides.items():
            began = time.perf_counter()
            side()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return {name: median(values) for name, values in seconds.items()}


def reading(pixels: ImageRows, jpegs: ImageRows, quality: int) -> dict[str, float]:
    """Milliseconds to read an image, in one thread: of either store, and of the same JPEGs by other decoders."""
    rows = np.random.default_rng(0).permutation(len(pixels.paths))[:READ]
    contents = [encode(image, quality) for image in pixels.read(rows)]
    out = np.empty((READ, *pixels.shape[1:]), np.uint8)

    def by_pillow() -> None:
        for number, content in enumerate(contents):
            out[number] = np.asarray(Image.open(io.BytesIO(content), formats=("JPEG",)))

    def by_simplejpeg() -> None:
        for number, content in enumerate(contents):
            decode(content, out[number])

    by_pillow()
    expected = out.copy()
    by_simplejpeg()
    assert (out == expected).all()  # any decoder makes the same pixels
    sides: dict[str, Callable[[], object]] = {
        "pixels": lambda: pixels.read(rows, out),
        "jpeg": lambda: jpegs.read(rows, out),
        "simplejpeg alone": by_simplejpeg,
        "Pillow alone": by_pillow,
    }
    return {name: 1000 * seconds / READ for name, seconds in turns(sides, REPEATS).items()}


def stepping(pixels: ImageRows, jpegs: ImageRows, values: dict[str, Any], backbone: Path) -> dict[str, float]:
    """Seconds of a training step on images of either store, with the params of the run."""
    config: Finetune = params.check("finetune", Finetune, values["finetune"])
    augmentation: Augment = params.check("augment", Augment, values["augment"])
    view: Embed = params.check("embed", Embed, values["embed"])
    body, description = pretrained(backbone, view)
    description = description.model_copy(update={"classes": ["a", "b"]})
    rows = np.arange(STEPS * config.batch_size)

    def make() -> Any:
        network = grafted(backbone, description, Head(width(body), 2))
        freeze(network, config.freeze, config.unfreeze)
        return network

    sides: dict[str, Callable[[], object]] = {}
    for name, store in (("pixels", pixels), ("jpeg", jpegs)):
        images = LabelledImages(store, rows, rows % 2)
        sides[name] = Steps(make, images, config, augmentation, view.size).whole
    return {name: seconds / STEPS for name, seconds in turns(sides, REPEATS).items()}


def measure(root: Path, quality: int, steps: bool) -> dict[str, Any]:
    """Everything, of one quality; training steps only where nothing else runs, for they vary too much elsewhere."""
    prepare()
    values, data, backbone = params.load(root / "params.yaml"), root / "data", root / "models/backbone"
    pixels, dataset = read_presized(data / "presized"), read_dataset(data / "labels.csv", data / "split.csv")
    kept = Embeddings(data / "embeddings/features.npy")
    config: Embed = params.check("embed", Embed, values["embed"]).model_copy(update={"precision": "fp32"})
    at = kept.find(dataset.rows["path"].tolist())
    labels, groups = dataset.rows["label"].to_numpy(), dataset.rows["group"].to_numpy()
    with tempfile.TemporaryDirectory() as scratch:
        jpegs = encoded(pixels, quality, Path(scratch, "jpegs"))
        room = {"pixels": int(np.prod(pixels.shape)), "jpeg": Path(scratch, "jpegs", JPEGS).stat().st_size}
        read = reading(pixels, jpegs, quality)
        step = stepping(pixels, jpegs, values, backbone) if steps else None
        features = {"pixels": kept.plain(at), "jpeg": embeddings(jpegs, config, backbone, Path(scratch, "embed"))[at]}
        accuracy = {
            name: [probe(found, labels, groups, seed) for seed in range(SEEDS)] for name, found in features.items()
        }
    return {"quality": quality, "images": len(at), "room": room, "read_ms": read, "step_s": step, "accuracy": accuracy}


def table(found: dict[str, Any]) -> str:
    """The figures in Markdown."""
    room, read, step, accuracy = found["room"], found["read_ms"], found["step_s"], found["accuracy"]
    lines = ["| store | room | read an image | training step | probe |", "|---|---|---|---|---|"]
    for name in ("pixels", "jpeg"):
        values = [100 * value for value in accuracy[name]]
        stepped = f"{1000 * step[name]:.0f} ms" if step else "not measured"
        cells = f"{room[name] / 1e6:.1f} MB | {read[name]:.2f} ms | {stepped}"
        lines.append(f"| `{name}` | {cells} | {mean(values):.2f}% ± {stdev(values):.2f}% |")
    differences = [100 * (b - a) for a, b in zip(accuracy["pixels"], accuracy["jpeg"], strict=True)]
    note = (
        f"Quality {found['quality']}, {found['images']} images: {room['jpeg'] / room['pixels']:.1%} of the room, "
        f"{mean(differences):+.2f} ± "
        f"{stdev(differences):.2f} points of accuracy, paired over {SEEDS} seeds. The same JPEGs take simplejpeg "
        f"{read['simplejpeg alone']:.2f} ms and Pillow {read['Pillow alone']:.2f} ms."
    )
    return "\n".join([*lines, "", note, "", footer(found["machine"])]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, default=ROOT, help="a project whose pipeline has run")
    parser.add_argument("--quality", type=int, default=90)
    parser.add_argument("--no-steps", dest="steps", action="store_false", help="leave out the training steps")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON; the table lies beside it")
    words = parser.parse_args()
    results = measure(words.root, words.quality, words.steps) | {"machine": machine()}
    save(words.out, results, table(results))
