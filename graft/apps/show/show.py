"""Sheets of what training will see, and a page of them: transforms, the first batch, each split with its labels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from PIL import ImageOps

from graft.apps.show.transforms import TRANSFORMS, as_pixels, transform_tiles
from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.augment.mix import mix
from graft.core import params
from graft.core.errors import DataError
from graft.core.files import write_text
from graft.core.seeds import Seed, derive
from graft.data.arrays import ImageRows
from graft.data.dataset import SPLITS, Dataset, LabelledImages, read_dataset
from graft.data.presized import read_presized
from graft.data.raw import raw_root
from graft.finetune.config import Finetune
from graft.images.decode import UnreadableError, decode
from graft.images.presize import read_depth
from graft.network.config import Embed
from graft.network.precision import evenly_spaced
from graft.optim.batches import epoch_order, in_batches
from graft.render.sheets import Tile, save_sheet
from graft.render.templates import rendered
from graft.report.gallery import NO_CLASS
from graft.report.page import STYLE, inline
from graft.tasks import Task, make_task

RAW, PRESIZED = Path("data/raw"), Path("data/presized")
IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
REPORT, TEMPLATE = Path("reports/show"), Path(__file__).with_name("page.html.j2")

FOLLOWED = 3
"""Images that are shown under every transform."""
SHOWN = 16
"""Images of each split, drawn at random."""
MOST = 32
"""Images of the batch that are shown."""


def show(values: dict[str, Any]) -> Iterator[str]:
    """Write the sheets and the page into `reports/show`, yielding a line for each.

    Raises:
        DataError: images, labels or splits are not there yet.
    """
    for file in (PRESIZED / "rows.csv", SPLIT):
        if not file.is_file():
            raise DataError(f"{file} is absent; run `dvc repro presize split`")
    config: Finetune = params.check("finetune", Finetune, values["finetune"])
    augmentation: Augment = params.check("augment", Augment, values["augment"])
    size, seed = params.check("embed", Embed, values["embed"]).size, params.check("seed", Seed, values["seed"])
    dataset, pixels = read_dataset(LABELS, SPLIT), read_presized(PRESIZED)
    task = make_task(dataset.classes, dataset.multi_label)
    train = LabelledImages.of(pixels, dataset, "train", pixels.aspects)
    sheets: dict[str, str] = {}

    def save(name: str, tiles: list[Tile], columns: int, side: int, text: str) -> str:
        save_sheet(REPORT / f"{name}.png", tiles, columns, side)
        sheets[name] = text
        return f"{REPORT / f'{name}.png'}: {text}"

    followed = evenly_spaced(len(train), FOLLOWED).tolist()
    tiles = [
        tile for position in followed for tile in _follow(dataset, task, train, position, augmentation, size, seed)
    ]
    off = [name for name, transform in TRANSFORMS.items() if transform.alone(augmentation) is None]
    text = "each change alone, the strongest of eight draws, then all as training draws them"
    yield save("transforms", tiles, 5, 176, text + (f"; off: {', '.join(off)}" if off else ""))
    tiles = batch_tiles(train, task, config, augmentation, size, seed)
    views = "the very views of fine-tuning" if config.epochs else "which no epoch will see: finetune.epochs is 0"
    yield save("batch", tiles, 6, 144, f"{len(tiles)} images of the first batch of epoch 1, {views}")
    for name in SPLITS:
        if paths := dataset.paths(name):
            tiles = split_tiles(dataset, task, pixels, name)
            yield save(name, tiles, 6, 144, f"{len(tiles)} of {len(paths)} images, drawn at random")
    yield _save_page(sheets, dataset)


def _follow(
    dataset: Dataset, task: Task, train: LabelledImages, position: int, config: Augment, size: int, seed: int
) -> list[Tile]:
    """The file itself, then what `transform_tiles` draws."""
    path, label = dataset.paths("train")[position], caption(task, train.targets[position])
    try:
        image = decode(raw_root(RAW) / path, depth=read_depth(IMAGES)).image
    except UnreadableError as error:
        raise DataError(f"{path}: {error}; run `dvc repro`") from error
    square = np.asarray(ImageOps.pad(image, (max(image.size),) * 2, color="white"))
    file = Tile(square, (label, f"{image.width} x {image.height}"))
    return [file, *transform_tiles(train, position, config, size, seed)]


def batch_tiles(
    train: LabelledImages, task: Task, config: Finetune, augmentation: Augment, size: int, seed: int
) -> list[Tile]:
    """Images of the batch that `finetune` begins with, by the same draws, with the labels that it learns."""
    weights = task.sampling_weights(train.targets) if config.sampling == "balanced" else None
    order = epoch_order(len(train), seed, 1, weights)
    positions = in_batches(order, config.batch_size, config.accumulate, config.min_batch_size)[0].indices
    pixels, _ = train.batch(positions, torch.device("cpu"))
    draws = derive(seed, "augment", 1, 0)
    images = augment(pixels, augmentation, config.size_at(1, size), draws, train.squeezed(positions))
    labels = [caption(task, train.targets[position]) for position in positions]
    mixed = mix(images, augmentation, derive(draws, "mix"))
    if mixed is not None:
        shares, partners = mixed.weight.tolist(), mixed.partner.tolist()
        images = mixed.images
        labels = [
            f"{own} {share:.0%}, {labels[other]}" for own, share, other in zip(labels, shares, partners, strict=True)
        ]
    return [Tile(as_pixels(image), (label,)) for image, label in zip(images[:MOST], labels, strict=False)]


def split_tiles(dataset: Dataset, task: Task, pixels: ImageRows, split: str) -> list[Tile]:
    """Random images of a split as they were presized, with label and name."""
    paths, targets = dataset.paths(split), dataset.targets(split)
    chosen = np.random.default_rng(derive(0, "show", split)).permutation(len(paths))[:SHOWN]
    images = pixels.read(pixels.find([paths[index] for index in chosen]))
    lines = [(caption(task, targets[index]), Path(paths[index]).name) for index in chosen]
    return [Tile(image, line) for image, line in zip(images, lines, strict=True)]


def caption(task: Task, target: Any) -> str:
    """The label of an image, or its labels."""
    return ", ".join(task.parse_labels(task.format_labels(target[None])[0])) or NO_CLASS


def _save_page(sheets: dict[str, str], dataset: Dataset) -> str:
    file = REPORT / "show.html"
    sizes = {name: len(dataset.paths(name)) for name in SPLITS}
    facts = {"sheets": sheets, "sizes": sizes, "classes": dataset.classes, "multi_label": dataset.multi_label}
    style = Markup(STYLE.read_text(encoding="utf-8"))  # noqa: S704 - our own file
    write_text(file, rendered(TEMPLATE, facts, image=lambda name: inline(REPORT / f"{name}.png"), style=style).lstrip())
    return f"all on one page: {file.resolve().as_uri()}"
