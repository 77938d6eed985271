"""The bundle: one folder that holds the classifier and says all that is needed to use it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft import __version__
from graft.core.files import sha256, write_json, write_text
from graft.export.card import save_card
from graft.export.config import Export
from graft.export.onnx import export_onnx
from graft.images.decode import Square
from graft.network.head import Description
from graft.network.network import Network
from graft.predict.bundle import FORMAT
from graft.tasks import THRESHOLD, task_of
from graft.tasks.decision import Decision

GRAPH, INT8, FACTS, LABELS, SUMS = "model.onnx", "model.int8.onnx", "graft.json", "labels.txt", "SHA256SUMS"


def write_bundle(
    folder: Path,
    network: Network,
    description: Description,
    square: Square,
    decision: Decision,
    config: Export,
    images: Callable[[int], Iterator[NDArray[np.uint8]]],
    told: dict[str, Any],
) -> dict[str, Any]:
    """Write all of it into an empty folder; return what ``graft.json`` says.

    Args:
        square: what the pictures were presized to, which the graph takes.
        decision: how logits become answers.
        pictures: gives batches `[B, size, size, 3]`, uint8, of so many training pictures.
        told: what else is to be known: licences, label rule, figures, lineage.

    Raises:
        ExportError: timm's format is asked for, and cannot hold the network.
    """
    export_onnx(network, task_of(description), description.view, square.size, decision, folder / GRAPH)
    if config.int8:
        from graft.export.int8 import quantise  # late, as is the next: few ask for it

        quantise(folder / GRAPH, images(config.int8.calibrate), folder / INT8)
    if config.timm:
        from graft.export.timm_folder import write_timm

        write_timm(folder / "timm", network, description, decision, square.crop)
    facts = _facts(folder, description, square, decision, told)
    write_json(folder / FACTS, facts)
    write_text(folder / LABELS, "".join(f"{name}\n" for name in description.classes))
    save_card(folder / "README.md", facts)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    write_text(folder / SUMS, "".join(sums))
    return facts


def _facts(
    folder: Path, description: Description, square: Square, decision: Decision, told: dict[str, Any]
) -> dict[str, Any]:
    """What ``graft.json`` says of the graphs that lie there.

    Where any number of classes may hold it has ``multi_label`` and the ``threshold`` from which
    one does; where the classifier may be not sure, ``abstain_below``.
    """
    task = task_of(description)
    graphs = {name: file for name, file in (("float", GRAPH), ("int8", INT8)) if (folder / file).is_file()}
    facts: dict[str, Any] = {
        "format": FORMAT,
        "graft": __version__,
        "classes": description.classes,
        "input": {"name": "pixels", "type": "uint8", "shape": ["batch", square.size, square.size, 3], "colour": "RGB"},
        "output": {"name": "probabilities", "type": "float32", "shape": ["batch", len(description.classes)]},
        "presize": {
            "size": square.size,
            "crop": square.crop,
            "orientation": "EXIF applied",
            "transparency": "laid on white",
            "shrink_on_load": "a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size while both sides stay at "
            f"{2 * square.size} or more",
            "kept": "of what the longer side has over the shorter, the share `crop` is cut off, half at either end",
            "resample": "what is kept to a square, bicubic with antialiasing, aspect ratio given up",
        },
        "graph": {
            "view": description.view,
            "flips": decision.flips,
            "temperature": decision.temperature,
            "last": "sigmoid" if task.multi_label else "softmax",
        },
        "abstain_below": decision.abstain_below,
        "backbone": description.backbone,
        "models": graphs,
        "sha256": {file: sha256(folder / file) for file in graphs.values()},
        **told,
    }
    if task.multi_label:
        facts |= {"multi_label": True, "threshold": THRESHOLD}
    return facts
