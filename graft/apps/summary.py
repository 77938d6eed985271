"""``graft summary``: the walk of one image through every step, with shapes and ranges, up to where one fails."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.core import params
from graft.core.errors import DataError
from graft.core.litter import is_hidden
from graft.data.raw import names, raw_root
from graft.finetune.config import Finetune
from graft.images.decode import decode
from graft.images.depth import USUAL_DEPTH
from graft.images.formats import is_image
from graft.images.presize import Presize, read_depth
from graft.index.config import Index
from graft.labels.corrections import Corrections
from graft.labels.rules import Labels, apply_rule
from graft.network.config import Embed
from graft.network.head import load_head
from graft.network.inference import resize
from graft.network.network import Network, load, pretrained, watch_layers

IMAGES = Path("data/images.csv")
RAW, BACKBONE, HEAD, FINETUNED = map(Path, ("data/raw", "models/backbone", "models/head", "models/finetuned"))
WIDTH = 12  # of the column that names the stage
FAILURE = "fails here: "


class Walk:
    """One image on its way through the pipeline; each step leaves what the next one takes.

    Args:
        values: params.yaml.
        path: of the image, below the source; None for the first.
    """

    def __init__(self, values: dict[str, Any], path: str | None) -> None:
        self._values, self._path = values, path

    def steps(self) -> Iterator[tuple[str, Callable[[], Iterator[str]]]]:
        """Yield each step's stage, and the function that takes the step and yields its lines."""
        yield "download", self._find_file
        yield "index", self._decode
        yield "index", self._label
        yield "presize", self._presize
        yield "finetune", self._augment
        yield "embed", self._embed
        yield "train-head", self._describe_head
        yield "evaluate", self._classify

    def _section(self, key: str, kind: Any) -> Any:
        return params.check(key, kind, self._values[key])

    def _find_file(self) -> Iterator[str]:
        if not RAW.is_dir():
            raise DataError(f"{RAW} is absent; run `dvc repro download`")
        root = raw_root(RAW)
        index: Index = self._section("index", Index)
        images = [n for n in names(root) if not is_hidden(n) and index.takes(n) and is_image(root / n)]
        if not images:
            raise DataError(f"{root} holds no file that is an image by name or content, and that index.only takes")
        self._images, self._path = images, self._path or images[0]
        self._file = root / self._path
        if not self._file.is_file():
            raise DataError(f"{self._path!r} is no file of the source; the first image is {images[0]!r}")
        yield f"{self._path}, {self._file.stat().st_size:,} bytes, one of {len(images)} images"

    def _decode(self) -> Iterator[str]:
        decoded = decode(self._file, depth=read_depth(IMAGES) if IMAGES.is_file() else None)
        self._image = decoded.image
        yield f"{decoded.format} {decoded.mode} -> RGB {decoded.image.width} x {decoded.image.height}, upright"
        if decoded.camera or decoded.taken:
            yield f"EXIF: {decoded.camera} {decoded.taken}".rstrip()

    def _label(self) -> Iterator[str]:
        rule: Labels = self._section("labels", Labels)
        labelled = apply_rule(rule, raw_root(RAW), self._images, Corrections.read(Path("corrections.csv")))
        rows = labelled.rows[labelled.rows["path"] == self._path]
        if not len(rows):
            reason = labelled.unlabelled.set_index("path")["reason"].get(str(self._path), "is no image by its name")
            raise DataError(f"{self._path} gets no label: {reason}")
        yield ", ".join(f"{column} {value!r}" for column, value in rows.iloc[0].items() if column != "path")

    def _presize(self) -> Iterator[str]:
        self._pixels = torch.from_numpy(
            np.array(self._section("presize", Presize).square(USUAL_DEPTH).of(self._image))
        )[None]
        yield _describe(self._pixels)

    def _augment(self) -> Iterator[str]:
        config: Finetune = self._section("finetune", Finetune)
        for size in sorted(set(config.training_sizes(self._section("embed", Embed).size))):
            yield _describe(augment(self._pixels, self._section("augment", Augment), size, seed=0)) + ", augmented"

    def _embed(self) -> Iterator[str]:
        embed: Embed = self._section("embed", Embed)
        resized = resize(self._pixels, embed.size)
        yield _describe(resized) + ", all that presize kept"
        if not BACKBONE.is_dir():
            raise DataError(f"{BACKBONE} is absent; run `dvc repro download`")
        network, _ = pretrained(BACKBONE, embed)
        yield from _trace(network, embed.layers, resized)

    def _describe_head(self) -> Iterator[str]:
        if not HEAD.is_dir():
            raise DataError(f"{HEAD} is absent: no head was fitted yet; run `dvc repro train-head`")
        head, description = load_head(HEAD)
        widths = [str(layer.out_features) for layer in head.modules() if isinstance(layer, nn.Linear)]
        shape = f"{head.features} features -> {' -> '.join(widths)} logits"
        yield f"{description.head}, {shape}: {', '.join(description.classes[:12])}"

    def _classify(self) -> Iterator[str]:
        if not FINETUNED.is_dir():
            raise DataError(f"{FINETUNED} is absent: no network was handed on yet; run `dvc repro`")
        network, description = load(FINETUNED)
        with torch.inference_mode():
            logits = network(resize(self._pixels, description.size))[0]
        order = logits.argsort(descending=True)[:3].tolist()
        yield "highest logits: " + ", ".join(f"{description.classes[index]} {logits[index]:.2f}" for index in order)


def _trace(network: Network, layers: list[str], images: torch.Tensor) -> Iterator[str]:
    """Yield what the body's parts and the chosen layers give, in the order in which they are reached."""
    lines: list[str] = []
    body = network.features.body
    parts = dict(body.named_children()) | {layer: body.get_submodule(layer) for layer in layers}

    def record(name: str, output: object) -> None:
        lines.append(f"{name}: {_shape(output) if isinstance(output, torch.Tensor) else type(output).__name__}")

    with torch.inference_mode(), watch_layers(parts, record):
        features = network(images)
    yield from lines
    yield _describe(features) + ", features"


def _shape(tensor: torch.Tensor) -> str:
    return "[" + ", ".join(map(str, tensor.shape)) + "]"


def _describe(tensor: torch.Tensor) -> str:
    low, high = tensor.min().item(), tensor.max().item()
    return f"{_shape(tensor)} {str(tensor.dtype).removeprefix('torch.')}, from {low:.3g} to {high:.3g}"


def summarise(values: dict[str, Any], path: str | None) -> Iterator[str]:
    """Yield lines for a person, of the image at a path as `Walk` takes it; the last `is_failure` when a step fails."""
    for stage, step in Walk(values, path).steps():
        try:
            for number, line in enumerate(step()):
                yield f"{'' if number else stage:{WIDTH}}{line}"
        except Exception as error:  # whatever it is, it is where the pipeline would fail
            yield f"{stage:{WIDTH}}{FAILURE}{error}"
            return


def is_failure(line: str) -> bool:
    """Whether a line of `summarise` says that a step failed."""
    return line[WIDTH:].startswith(FAILURE)
