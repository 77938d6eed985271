"""The bundle: one folder that holds the classifier and says all that is needed to use it."""

import hashlib
from pathlib import Path
from typing import Any

from pydantic import Field

from graft import __version__, atomic
from graft.export.onnx import export_onnx
from graft.model.network import Network
from graft.model.saved import Description
from graft.model.task import THRESHOLD, task_of
from graft.params import Section


class Export(Section):
    """What the bundle must live up to."""

    max_flips: int = Field(default=0, ge=0)
    """Test pictures that may get another class, or set of classes, from the bundle than `evaluate` gave them."""


def write_bundle(folder: Path, network: Network, description: Description, size: int, licences: dict[str, str]) -> None:
    """Write ``model.onnx``, ``graft.json`` and ``labels.txt``.

    ``graft.json`` says ``multi_label`` and the ``threshold`` where any number of classes may hold.

    Args:
        size: side of the presized pictures that the graph takes.
        licences: of the pictures and of the pretrained weights.
    """
    task = task_of(description)
    export_onnx(network, task, description.view, size, folder / "model.onnx")
    facts: dict[str, Any] = {
        "graft": __version__,
        "classes": description.classes,
        "input": {"name": "pixels", "type": "uint8", "shape": ["batch", size, size, 3], "colour": "RGB"},
        "output": {"name": "probabilities", "type": "float32", "shape": ["batch", len(description.classes)]},
        "presize": {
            "size": size,
            "orientation": "EXIF applied",
            "transparency": "laid on white",
            "resample": "the whole picture, bicubic with antialiasing, aspect ratio given up",
        },
        "backbone": description.backbone,
        "licences": licences,
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
    }
    if task.multi_label:
        facts |= {"multi_label": True, "threshold": THRESHOLD}
    atomic.write_json(folder / "graft.json", facts)
    atomic.write_text(folder / "labels.txt", "".join(f"{name}\n" for name in description.classes))
