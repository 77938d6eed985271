"""The bundle: one folder that holds the classifier and says all that is needed to use it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft import __version__
from graft.core.files import sha256, write_json, write_text
from graft.export import formats
from graft.export.card import save_card
from graft.export.config import Export
from graft.export.onnx import export_onnx, quantise
from graft.images.decode import Square
from graft.network.head import Description
from graft.network.network import Network
from graft.predict.bundle import FORMAT
from graft.tasks import Decision, task_of

FLOAT, INT8, METADATA, LABELS, SUMS = "model.onnx", "model.int8.onnx", "graft.json", "labels.txt", "SHA256SUMS"


def write_bundle(
    folder: Path,
    network: Network,
    description: Description,
    square: Square,
    decision: Decision,
    config: Export,
    images: Callable[[int], Iterator[NDArray[np.uint8]]],
    record: dict[str, Any],
) -> dict[str, Any]:
    """Write a whole bundle into an empty folder; return what its ``graft.json`` says.

    Args:
        square: what images were presized to, which the model takes.
        decision: how logits become answers.
        images: gives batches `[B, size, size, 3]`, uint8, of so many training images.
        record: what else is to be known: data, licences, figures, lineage; see `graft.export.card`.

    Raises:
        ExportError: a format is asked for that cannot hold the network.
    """
    described = _describe(description, square, decision)
    export_onnx(network, task_of(description), description.size, square.size, decision, folder / FLOAT)
    calibration = partial(images, config.int8.calibrate) if config.int8 else None
    if calibration:
        quantise(folder / FLOAT, calibration(), folder / INT8)
    exported = formats.Exported(network, description, square, decision, folder / FLOAT, described, calibration)
    written = {name: formats.write(name, folder, exported) for name in config.formats}
    metadata = described | _files(folder, written) | record
    write_json(folder / METADATA, metadata)
    write_text(folder / LABELS, "".join(f"{name}\n" for name in description.classes))
    save_card(folder / "README.md", metadata)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    write_text(folder / SUMS, "".join(sums))
    return metadata


def _files(folder: Path, written: dict[str, formats.Files]) -> dict[str, Any]:
    """What ``graft.json`` says of the models that lie there: those of ONNX, and those of other formats."""
    models = {name: file for name, file in (("float", FLOAT), ("int8", INT8)) if (folder / file).is_file()}
    files = [*models.values(), *(file for models in written.values() for files in models.values() for file in files)]
    return {
        "models": models,
        **({"formats": written} if written else {}),
        "sha256": {file: sha256(folder / file) for file in files},
        "bytes": {file: (folder / file).stat().st_size for file in files},
    }


def _describe(description: Description, square: Square, decision: Decision) -> dict[str, Any]:
    """What ``graft.json`` says of how to use any of the models."""
    task = task_of(description)
    return {
        "format": FORMAT if square.padding else FORMAT - 1,  # so that an older graft reads what it can
        "graft": __version__,
        "classes": description.classes,
        "input": {"name": "pixels", "type": "uint8", "shape": ["batch", square.size, square.size, 3], "colour": "RGB"},
        "output": {"name": "probabilities", "type": "float32", "shape": ["batch", len(description.classes)]},
        "presize": {
            "size": square.size,
            "crop": square.crop,
            **({} if square.padding is None else {"padding": square.padding}),
            "depth": square.depth.written(),
            "orientation": "EXIF applied",
            "transparency": "laid on white",
            "shrink_on_load": "a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size while both sides stay at "
            f"{2 * square.size} or more",
            "kept": "of what the longer side has over the shorter, the share `crop` is cut off, half at either end",
            "wide": "values of more than eight bits go from black to white as `depth` says, and are cut off beyond",
            "resample": "what is kept to a square, bicubic with antialiasing, aspect ratio given up"
            if square.padding is None
            else "what is kept, its longer side to `size` and its shorter as its aspect ratio has it, rounded, bicubic "
            "with antialiasing; a border of the colour `padding`, half at either end (of an odd number the larger half "
            "last), makes it a square",
        },
        "graph": {
            "size": description.size,
            "tta": decision.tta,
            "temperature": decision.temperature,
            "activation": task.activation,
        },
        "abstain_below": decision.abstain_below,
        "backbone": description.backbone,
        # where any number of classes may hold, the probability from which one does
        **({} if task.threshold is None else {"multi_label": True, "threshold": task.threshold}),
    }
