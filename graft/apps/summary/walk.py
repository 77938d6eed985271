"""A few images followed through every step, with shapes and ranges, up to their loss or to where a step fails."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from graft.apps.summary.worked_loss import work_out
from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.backbone.config import Backbones, joint_name, listed
from graft.core import params, tables
from graft.core.errors import DataError, nearest
from graft.core.litter import is_hidden
from graft.core.seeds import derive
from graft.data.dataset import SPLITS, class_names, is_multi_label, label_column, targets
from graft.data.raw import names, raw_root
from graft.finetune.config import Finetune
from graft.heads.config import TrainHead
from graft.images.decode import decode
from graft.images.depth import USUAL_DEPTH
from graft.images.formats import is_image
from graft.images.presize import Presize, aspects, read_depth
from graft.images.regions import located
from graft.index.config import Index
from graft.index.regions import Boxes
from graft.labels.corrections import Corrections
from graft.labels.rules import Labels, apply_rule
from graft.network.config import Embed
from graft.network.head import Head, describe, load_head, make_head
from graft.network.inference import resize
from graft.network.network import Network, load, pretrained, watch_layers
from graft.network.precision import evenly_spaced
from graft.tasks import LossOptions, make_task

IMAGES, SPLIT = Path("data/images.csv"), Path("data/split.csv")
RAW, BACKBONE, HEAD, FINETUNED = map(Path, ("data/raw", "models/backbone", "models/head", "models/finetuned"))
BATCH = 4
WIDTH = 12  # of the column that names the stage
FAILURE = "fails here: "


class Walk:
    """A batch of images on its way through the pipeline; each step leaves what the next one takes.

    The first image is the one that is asked for; the others, and it too where none is, are spread evenly over
    the training images or, where nothing is split yet, over all that have a label.

    Args:
        values: params.yaml.
        path: of an image, below the source.
    """

    def __init__(self, values: dict[str, Any], path: str | None) -> None:
        self._values, self._path = values, path

    def steps(self) -> Iterator[tuple[str, Callable[[], Iterator[str]]]]:
        """Yield each step's stage, and the function that takes the step and yields its lines."""
        yield "download", self._find_files
        yield "index", self._label
        yield "index", self._decode
        yield "split", self._number
        yield "presize", self._presize
        yield "finetune", self._augment
        yield "embed", self._embed
        yield "train-head", self._answer
        yield "loss", self._work_out

    def _section(self, key: str, kind: Any) -> Any:
        return params.check(key, kind, self._values[key])

    def _find_files(self) -> Iterator[str]:
        """What `index` kept or, before it ran, what is an image by name or content."""
        if not RAW.is_dir():
            raise DataError(f"{RAW} is absent; run `dvc repro download`")
        self._root = raw_root(RAW)
        index: Index = self._section("index", Index)
        self._boxes = Boxes.read(self._root, index)
        if IMAGES.is_file():
            self._images: list[str] = tables.read(IMAGES, ["path"])["path"].tolist()
        else:
            found = [name for name in names(self._root) if not is_hidden(name) and index.takes(name)]
            whole = [name for name in found if is_image(self._root / name)]
            regions = [
                region.widened(self._boxes.margin).of(name)
                for name in whole
                for region in self._boxes.of_image.get(name, [])
            ]
            self._images = whole if index.regions is None else regions
        if not self._images:
            raise DataError(
                f"{self._root} holds no file that is an image by name or content, and that index.only takes"
            )
        if self._path is not None and self._path not in self._images:
            first = nearest(self._path, self._images) or f"; the first one is {self._images[0]!r}"
            raise DataError(f"{self._path!r} is no image of the source{first}")
        yield f"{len(self._images)} images in {self._root}"

    def _label(self) -> Iterator[str]:
        rule: Labels = self._section("labels", Labels)
        corrections = Corrections.read(Path("corrections.csv"))
        labelled = apply_rule(rule, self._root, self._images, corrections, self._boxes.labels)
        rows = labelled.rows
        if self._path is not None and self._path not in set(rows["path"]):
            reason = labelled.unlabelled.set_index("path")["reason"].get(self._path, "none is given")
            raise DataError(f"{self._path} gets no label: {reason}")
        split = dict(tables.read(SPLIT, ["path", "split"]).to_numpy(str)) if SPLIT.is_file() else {}
        rows = rows.assign(split=[split.get(path, "") for path in rows["path"]])
        self._train = rows[rows["split"] == "train"] if (rows["split"] == "train").any() else rows
        self._rows = rows[rows["split"].isin(SPLITS)] if split else rows
        chosen = self._train["path"].iloc[evenly_spaced(len(self._train), BATCH)].tolist()
        if self._path is not None:
            chosen = [self._path, *(path for path in chosen if path != self._path)][: len(chosen)]
        self._batch: pd.DataFrame = rows.set_index("path", drop=False).loc[chosen]
        yield f"{len(rows)} images have a label, {len(labelled.unlabelled)} have none"
        labels = zip(chosen, label_column(self._batch), strict=True)
        yield "a batch of them: " + ", ".join(f"{path} {label!r}" for path, label in labels)
        others = {key: value for key, value in self._batch.iloc[0].items() if key not in ("path", "label", "labels")}
        yield f"of the first: {', '.join(f'{key} {value!r}' for key, value in others.items())}"

    def _decode(self) -> Iterator[str]:
        depth = read_depth(IMAGES) if IMAGES.is_file() else None
        self._decoded = []
        for path in self._batch["path"]:
            file = self._root / path
            decoded = decode(file, depth=depth)
            self._decoded.append(decoded.image)
            exif = f"; EXIF: {decoded.camera} {decoded.taken}".rstrip() if decoded.camera or decoded.taken else ""
            shape = f"RGB {decoded.image.width} x {decoded.image.height}, upright"
            yield f"{path}, {located(file)[0].stat().st_size:,} bytes: {decoded.format} {decoded.mode} -> {shape}{exif}"

    def _number(self) -> Iterator[str]:
        """Classes become numbers by name."""
        counts = self._rows["split"].value_counts()
        sizes = ", ".join(f"{counts.get(name, 0)} {name}" for name in SPLITS)
        yield sizes if SPLIT.is_file() else "nothing is divided yet; run `dvc repro split`"
        classes = sorted(set(class_names(self._rows)) - {""})
        self._task = make_task(classes, is_multi_label(self._rows))
        listed = ", ".join(f"{number} {name}" for number, name in enumerate(classes[:12]))
        yield f"{len(classes)} classes: {listed}{', ...' if len(classes) > 12 else ''}"
        strange = set(class_names(self._batch)) - {"", *classes}
        if strange:
            raise DataError(f"{', '.join(sorted(strange))}: a class of no split, whose images are excluded")
        self._targets = targets(self._batch, classes)
        yield f"targets {list(self._targets.shape)} {self._targets.dtype}: {self._targets.tolist()}"

    def _presize(self) -> Iterator[str]:
        square = self._section("presize", Presize).square(USUAL_DEPTH)
        self._pixels = torch.from_numpy(np.stack([square.of(image) for image in self._decoded]))
        sizes = pd.DataFrame([image.size for image in self._decoded], columns=["width", "height"])
        self._aspects = torch.from_numpy(aspects(sizes, square).astype(np.float32))
        yield _describe(self._pixels)

    def _augment(self) -> Iterator[str]:
        config: Finetune = self._section("finetune", Finetune)
        for size in sorted(set(config.training_sizes(self._section("embed", Embed).size))):
            views = augment(self._pixels, self._section("augment", Augment), size, 0, self._aspects)
            yield _describe(views) + ", augmented"

    def _embed(self) -> Iterator[str]:
        embed: Embed = self._section("embed", Embed)
        resized = resize(self._pixels, embed.size)
        yield _describe(resized) + ", all that presize kept"
        if not BACKBONE.is_dir():
            raise DataError(f"{BACKBONE} is absent; run `dvc repro download`")
        network, self._description = pretrained(BACKBONE, embed)
        self._features = yield from _trace(network, resized)

    def _answer(self) -> Iterator[str]:
        """Logits by the network that was handed on, else by the fitted head, else by a fresh one."""
        with torch.no_grad():
            if self._fits(FINETUNED):
                network, description = load(FINETUNED)
                logits, head, whose = network(resize(self._pixels, description.size)), network.head, f"{FINETUNED}"
            elif self._fits(HEAD):
                head, _ = load_head(HEAD)
                logits, whose = head(self._features), f"{HEAD}"
            else:
                head = self._fresh_head()
                logits, whose = head(self._features), "no head is fitted to these labels yet, so a fresh one"
        assert head is not None
        widths = [str(layer.out_features) for layer in head.modules() if isinstance(layer, nn.Linear)]
        yield f"{whose}: {head.kind}, {head.features} features -> {' -> '.join(widths)} logits"
        yield _describe(logits) + ", logits"
        self._logits = logits.numpy()

    def _fits(self, folder: Path) -> bool:
        """Whether what a stage wrote is of these classes and of the network that params.yaml names."""
        if not folder.is_dir():
            return False
        theirs, backbones = describe(folder), listed(self._section("backbone", Backbones))
        kind = joint_name([one.name for one in backbones])
        keys = ("members", "layers", "pools", "standardise", "size")
        same = all(getattr(theirs, key) == getattr(self._description, key) for key in keys)
        task = self._task.classes, self._task.multi_label
        return same and theirs.backbone == kind and (theirs.classes, theirs.multi_label) == task

    def _fresh_head(self) -> Head:
        """A head as its training begins, but for the standardisation by features that are not there yet."""
        config: TrainHead = self._section("train_head", TrainHead)
        torch.manual_seed(derive(0, "summary"))
        description = self._description.model_copy(update=config.described())
        head = make_head(description, self._features.shape[1], len(self._task.classes))
        prior = self._task.prior_logits(targets(self._train, self._task.classes))
        with torch.no_grad():
            head.linear.bias.copy_(torch.from_numpy(prior))
            if head.kind == "linear":
                head.linear.weight.zero_()
        return head.eval()

    def _work_out(self) -> Iterator[str]:
        config: Finetune = self._section("finetune", Finetune)
        balanced = config.class_weights == "balanced"
        weights = torch.from_numpy(self._task.class_weights(targets(self._train, self._task.classes)))
        options = LossOptions(config.label_smoothing, config.focal, weights if balanced else None)
        paths = self._batch["path"].tolist()
        yield from work_out(self._task, paths, self._logits, self._targets, options)


def _trace(network: Network, images: torch.Tensor) -> Generator[str, None, torch.Tensor]:
    """Yield what the body's parts and the chosen layers give, in the order in which they are reached.

    Returns:
        The features, `[B, D]`.
    """
    lines: list[str] = []
    parts = {
        f"{prefix}{name}": part.body.get_submodule(name)
        for prefix, part in network.parts.items()
        for name in dict.fromkeys([*dict(part.body.named_children()), *part.layers])
    }

    def record(name: str, output: object) -> None:
        lines.append(f"{name}: {_shape(output) if isinstance(output, torch.Tensor) else type(output).__name__}")

    with torch.no_grad(), watch_layers(parts, record):
        features: torch.Tensor = network(images)
    yield from lines
    yield _describe(features) + ", features"
    return features


def _shape(tensor: torch.Tensor) -> str:
    return "[" + ", ".join(map(str, tensor.shape)) + "]"


def _describe(tensor: torch.Tensor) -> str:
    low, high = tensor.min().item(), tensor.max().item()
    return f"{_shape(tensor)} {str(tensor.dtype).removeprefix('torch.')}, from {low:.3g} to {high:.3g}"


def summarise(values: dict[str, Any], path: str | None) -> Iterator[str]:
    """Yield lines for a person, of a batch as `Walk` takes it; the last `is_failure` when a step fails."""
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
