"""``graft summary``: one picture through every step, with shapes and ranges, up to where it breaks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.core import params
from graft.core.errors import DataError, GraftError
from graft.data.raw import names, raw_root
from graft.finetune.config import Finetune
from graft.images.decode import decode
from graft.images.presize import Presize
from graft.index.scan import IMAGE_SUFFIXES, is_hidden
from graft.labels.corrections import Corrections
from graft.labels.rules import Labels, apply_rule
from graft.network.config import Embed
from graft.network.head import load_head
from graft.network.network import Network, load, pretrained
from graft.network.resample import sample

RAW, BACKBONE, HEAD, FINETUNED = (
    Path(folder) for folder in ("data/raw", "models/backbone", "models/head", "models/finetuned")
)
CORRECTIONS = Path("corrections.csv")

WIDTH = 12
"""Of the column that names the stage."""

BREAKS = "breaks here: "


class Sample:
    """One picture on its way through the pipeline; each step leaves what the next takes.

    Args:
        values: params.yaml.
        path: of the picture, below the source; None for the first.
    """

    def __init__(self, values: dict[str, Any], path: str | None) -> None:
        self._values = values
        self._path = path

    def steps(self) -> Iterator[tuple[str, Callable[[], Iterator[str]]]]:
        """Yield each step's stage and what to do."""
        yield "download", self._file
        yield "index", self._decoded
        yield "index", self._label
        yield "presize", self._presized
        yield "finetune", self._augmented
        yield "embed", self._features
        yield "train-head", self._head
        yield "evaluate", self._judged

    def _params(self, key: str, kind: Any) -> Any:
        return params.check(key, kind, self._values[key])

    def _file(self) -> Iterator[str]:
        if not RAW.is_dir():
            raise DataError(f"{RAW} is absent; run `dvc repro download`")
        root = raw_root(RAW)
        images = [n for n in names(root) if Path(n).suffix.lower() in IMAGE_SUFFIXES and not is_hidden(n)]
        if not images:
            raise DataError(f"{root} holds no file that is a picture by its name")
        self._images, self._path = images, self._path or images[0]
        self._file_path = root / self._path
        if not self._file_path.is_file():
            raise DataError(f"{self._path!r} is no file of the source; the first picture is {images[0]!r}")
        yield f"{self._path}, {self._file_path.stat().st_size:,} bytes, one of {len(images)} pictures by name"

    def _decoded(self) -> Iterator[str]:
        decoded = decode(self._file_path)
        self._image = decoded.image
        yield f"{decoded.format} {decoded.mode} -> RGB {decoded.image.width} x {decoded.image.height}, upright"
        if decoded.camera or decoded.taken:
            yield f"EXIF: {decoded.camera} {decoded.taken}".rstrip()

    def _label(self) -> Iterator[str]:
        rule: Labels = self._params("labels", Labels)
        labelled = apply_rule(rule, raw_root(RAW), self._images, Corrections.read(CORRECTIONS))
        rows = labelled.rows[labelled.rows["path"] == self._path]
        if not len(rows):
            reason = labelled.unlabelled.set_index("path")["reason"].get(str(self._path), "is no picture by its name")
            raise DataError(f"{self._path} gets no label: {reason}")
        yield ", ".join(f"{column} {value!r}" for column, value in rows.iloc[0].items() if column != "path")

    def _presized(self) -> Iterator[str]:
        self._pixels = torch.from_numpy(np.array(self._params("presize", Presize).square.of(self._image)))[None]
        yield _shown(self._pixels)

    def _augmented(self) -> Iterator[str]:
        config: Finetune = self._params("finetune", Finetune)
        for size in sorted(set(config.sides(self._params("embed", Embed).view))):
            yield _shown(augment(self._pixels, self._params("augment", Augment), size, seed=0)) + ", a random view"

    def _features(self) -> Iterator[str]:
        embed: Embed = self._params("embed", Embed)
        self._view = sample(self._pixels, embed.view)
        yield _shown(self._view) + ", all that presize kept"
        if not BACKBONE.is_dir():
            raise DataError(f"{BACKBONE} is absent; run `dvc repro download`")
        network, _ = pretrained(BACKBONE, embed)
        yield from _traced(network, embed.layers, self._view)

    def _head(self) -> Iterator[str]:
        if not HEAD.is_dir():
            raise DataError(f"{HEAD} is absent: no head was fitted yet; run `dvc repro train-head`")
        head, description = load_head(HEAD)
        widths = [str(layer.out_features) for layer in head.modules() if isinstance(layer, nn.Linear)]
        told = f"{head.features} features -> {' -> '.join(widths)} logits"
        yield f"{description.head}, {told}: {', '.join(description.classes[:12])}"

    def _judged(self) -> Iterator[str]:
        if not FINETUNED.is_dir():
            raise DataError(f"{FINETUNED} is absent: no network was handed on yet; run `dvc repro`")
        network, description = load(FINETUNED)
        with torch.inference_mode():
            logits = network(sample(self._pixels, description.view))[0]
        order = logits.argsort(descending=True)[:3].tolist()
        yield "highest logits: " + ", ".join(f"{description.classes[place]} {logits[place]:.2f}" for place in order)


def _traced(network: Network, layers: list[str], view: torch.Tensor) -> Iterator[str]:
    """Say what the body's parts and the tapped layers give, in the order they are reached."""
    said: list[str] = []
    body = network.features.body
    parts = dict(body.named_children()) | {layer: body.get_submodule(layer) for layer in layers}
    hooks = [
        part.register_forward_hook(lambda _, __, out, name=name: said.append(f"{name}: {_shape(out)}"))
        for name, part in parts.items()
    ]
    with torch.inference_mode():
        features = network(view)
    for hook in hooks:
        hook.remove()
    yield from said
    yield _shown(features) + ", features"


def _shape(tensor: torch.Tensor) -> str:
    return "[" + ", ".join(map(str, tensor.shape)) + "]"


def _shown(tensor: torch.Tensor) -> str:
    low, high = tensor.min().item(), tensor.max().item()
    return f"{_shape(tensor)} {str(tensor.dtype).removeprefix('torch.')}, from {low:.3g} to {high:.3g}"


def summarise(values: dict[str, Any], path: str | None) -> Iterator[str]:
    """Yield lines for a person; of the last, `breaks` is true when a step does not go through.

    Args:
        values: params.yaml.
        path: of the picture, below the source; None for the first.
    """
    for stage, step in Sample(values, path).steps():
        try:
            for number, line in enumerate(step()):
                yield f"{'' if number else stage:{WIDTH}}{line}"
        except (GraftError, Exception) as error:  # whatever it is, it is where the pipeline would break
            yield f"{stage:{WIDTH}}{BREAKS}{error}"
            return


def breaks(line: str) -> bool:
    """Whether a line of `summarise` says that a step does not go through."""
    return line[WIDTH:].startswith(BREAKS)
