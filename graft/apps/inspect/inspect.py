"""``graft look``: what a layer of the network makes of a picture, drawn."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from graft.apps.inspect.outputs import find_layer, output_of, sees_colours, survey
from graft.apps.inspect.tiles import COLUMNS, MOST, filter_tiles, map_tiles, save_bars, side_of
from graft.core import params
from graft.core.errors import DataError
from graft.images.decode import UnreadableError
from graft.images.presize import Presize
from graft.network.config import Embed
from graft.network.features import Layouts
from graft.network.network import Network, load, pretrained
from graft.network.resample import sample
from graft.render.sheets import Tile, save_sheet

BACKBONE, FINETUNED = Path("models/backbone"), Path("models/finetuned")


@dataclass(frozen=True, slots=True)
class Subject:
    """A network, and how it is called: where it lies and what it is made from; its classes, if it has any."""

    network: Network
    called: str
    classes: list[str]


def open_network(values: dict[str, Any]) -> Subject:
    """Load ``models/finetuned``, or ``models/backbone`` where that is absent.

    Args:
        values: params.yaml.

    Raises:
        DataError: both are absent.
    """
    if FINETUNED.is_dir():
        network, description = load(FINETUNED)
        return Subject(network, f"{FINETUNED} ({description.backbone})", description.classes)
    if not BACKBONE.is_dir():
        raise DataError(f"neither {FINETUNED} nor {BACKBONE} is there; run `dvc repro download`")
    network, description = pretrained(BACKBONE, params.check("embed", Embed, values["embed"]))
    return Subject(network, f"{BACKBONE} ({description.backbone}, nothing is fine-tuned yet)", [])


def open_image(values: dict[str, Any], image: Path, view: int) -> torch.Tensor:
    """Bring a file to what the network sees of it, as `presize` and `evaluate` do.

    Args:
        values: params.yaml.
        view: side in pixels.

    Returns:
        `[1, 3, view, view]`, float32 in [0, 1].

    Raises:
        DataError: there is no such file, or it is no picture that can be decoded.
    """
    if not image.is_file():
        raise DataError(f"{image}: there is no such file")
    square = params.check("presize", Presize, values["presize"]).square
    try:
        pixels = square.read(image)
    except UnreadableError as error:
        raise DataError(f"{image}: {error}") from error
    return sample(torch.from_numpy(np.array(pixels))[None], view)


LOOK = Path("reports/look")


def listed(values: dict[str, Any]) -> Iterator[str]:
    """Yield a line a layer: name, kind, and the shape of what it gives.

    Args:
        values: params.yaml.

    Raises:
        DataError: there is no network yet.
    """
    subject = open_network(values)
    view = subject.network.view
    seen = survey(subject.network, view)
    name_width, kind_width = (max(len(str(getattr(one, field))) for one in seen) for field in ("name", "kind"))
    yield f"layers of {subject.called} that run, and what each gives for a view of {view} x {view}:"
    for one in seen:
        notes = ["filters in colour"] if one.filters else []
        notes += [f"runs {one.times} times"] if one.times > 1 else []
        shape = " x ".join(map(str, one.shape))
        yield f"{one.name:{name_width}}  {one.kind:{kind_width}}  {shape:16}  {', '.join(notes)}".rstrip()
    yield "graft look LAYER PICTURE draws what one of them gives"


def look(values: dict[str, Any], layer: str, image: Path) -> Iterator[str]:
    """Draw a picture, what a layer gives for it and, of a convolution over the colours, its filters.

    Sheets go to ``reports/look/``, in a folder of the picture's name and place. Of maps the strongest 64
    channels are drawn, of a layer that gives plain numbers the largest as bars.

    Args:
        values: params.yaml.
        layer: a name as `listed` gives it.

    Yields:
        Lines for a person: what was drawn, and where it lies.

    Raises:
        DataError: there is no network, no such layer, or no such picture.
    """
    subject = open_network(values)
    module = find_layer(subject.network, layer)
    view = open_image(values, image, subject.network.view)
    output = output_of(subject.network, layer, view)
    folder = _folder(image)

    pixels = (view[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    save_sheet(folder / "picture.png", [Tile(pixels, (image.name,))], columns=1, side=2 * len(pixels))
    yield f"{folder / 'picture.png'}: what {subject.called} sees"
    if isinstance(module, nn.Conv2d) and sees_colours(module):
        tiles = filter_tiles(module.weight.detach().float().cpu().numpy())
        file = folder / f"{layer}.filters.png"
        save_sheet(file, tiles, COLUMNS, side_of(tiles), palette=False)
        yield f"{file}: {len(tiles)} of {module.out_channels} filters, each on its own scale, mid-grey is 0"
    yield _drawn(subject, layer, output, folder)


def _folder(image: Path) -> Path:
    """Where its sheets go: named so that a person finds it, and no other picture of that name overwrites it."""
    place = hashlib.sha256(image.resolve().as_posix().encode()).hexdigest()[:8]
    return LOOK / f"{image.stem}-{place}"


def _drawn(subject: Subject, layer: str, output: torch.Tensor, folder: Path) -> str:
    """Draw what a layer gave, `[1, ...]`."""
    layout = Layouts(subject.network.features.body).of(output)
    if layout is not None:
        grid = layout.grid(output)[0].numpy()
        tiles, file = map_tiles(grid), folder / f"{layer}.maps.png"
        save_sheet(file, tiles, COLUMNS, side_of(tiles), palette=False)
        order = "the strongest first" if len(grid) <= MOST else "the strongest"
        return f"{file}: {len(tiles)} of {len(grid)} channels of {layout.side} x {layout.side}, {order}"
    numbers = np.ascontiguousarray(output[0].flatten().numpy())
    answers = layer in ("head", "head.linear") and len(numbers) == len(subject.classes)
    names = subject.classes if answers else [str(place) for place in range(len(numbers))]
    file = folder / f"{layer}.bars.png"
    save_bars(file, numbers, names, f"{layer}: {' x '.join(map(str, output.shape[1:]))} numbers")
    return f"{file}: the largest of {len(numbers)} numbers, which lie on no grid"
