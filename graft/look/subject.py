"""What is looked into: the fine-tuned network, or the pretrained one while nothing is fine-tuned; and a picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graft import params
from graft.decode import UnreadableError
from graft.errors import DataError
from graft.images.presize import Presize
from graft.images.sampler import sample
from graft.model.network import Network, load, pretrained
from graft.model.settings import Embed

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


def open_picture(values: dict[str, Any], picture: Path, view: int) -> torch.Tensor:
    """Bring a file to what the network sees of it, as `presize` and `evaluate` do.

    Args:
        values: params.yaml.
        view: side in pixels.

    Returns:
        `[1, 3, view, view]`, float32 in [0, 1].

    Raises:
        DataError: there is no such file, or it is no picture that can be decoded.
    """
    if not picture.is_file():
        raise DataError(f"{picture}: there is no such file")
    square = params.check("presize", Presize, values["presize"]).square
    try:
        pixels = square.read(picture)
    except UnreadableError as error:
        raise DataError(f"{picture}: {error}") from error
    return sample(torch.from_numpy(np.array(pixels))[None], view)
