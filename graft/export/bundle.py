"""The bundle: one folder that holds the classifier and says all that is needed to use it."""

import hashlib
from pathlib import Path
from typing import Any

from graft import __version__, atomic
from graft.export.card import save_card
from graft.export.onnx import export_onnx
from graft.model.decision import Decision
from graft.model.network import Network
from graft.model.saved import Description
from graft.model.task import THRESHOLD, task_of

FORMAT = 1
"""Of graft.json; a reader refuses a higher one."""
GRAPH, INT8, FACTS, LABELS, SUMS = "model.onnx", "model.int8.onnx", "graft.json", "labels.txt", "SHA256SUMS"


def write_graph(folder: Path, network: Network, description: Description, size: int, decision: Decision) -> None:
    """Write ``model.onnx``.

    Args:
        size: side of the presized pictures that the graph takes.
        decision: how logits become answers.
    """
    export_onnx(network, task_of(description), description.view, size, decision, folder / GRAPH)


def write_facts(
    folder: Path, description: Description, size: int, decision: Decision, told: dict[str, Any]
) -> dict[str, Any]:
    """Write ``graft.json`` and ``labels.txt`` beside the graphs; return what the first says.

    Where any number of classes may hold it has ``multi_label`` and the ``threshold`` from which
    one does; where the classifier may be not sure, ``abstain_below``.

    Args:
        told: what else is to be known: licences, label rule, figures, lineage.
    """
    task = task_of(description)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "graft": __version__,
        "classes": description.classes,
        "input": {"name": "pixels", "type": "uint8", "shape": ["batch", size, size, 3], "colour": "RGB"},
        "output": {"name": "probabilities", "type": "float32", "shape": ["batch", len(description.classes)]},
        "presize": {
            "size": size,
            "orientation": "EXIF applied",
            "transparency": "laid on white",
            "shrink_on_load": "a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size while both sides stay at "
            f"{2 * size} or more",
            "resample": "the whole picture to a square, bicubic with antialiasing, aspect ratio given up",
        },
        "graph": {
            "view": description.view,
            "flips": decision.flips,
            "temperature": decision.temperature,
            "last": "sigmoid" if task.multi_label else "softmax",
        },
        "abstain_below": decision.abstain_below,
        "backbone": description.backbone,
        "models": {name: file for name, file in (("float", GRAPH), ("int8", INT8)) if (folder / file).is_file()},
        "sha256": sha256(folder / GRAPH),
        **told,
    }
    if task.multi_label:
        facts |= {"multi_label": True, "threshold": THRESHOLD}
    atomic.write_json(folder / FACTS, facts)
    atomic.write_text(folder / LABELS, "".join(f"{name}\n" for name in description.classes))
    return facts


def seal(folder: Path, facts: dict[str, Any]) -> None:
    """Write the model card and, over every file of the bundle, ``SHA256SUMS``."""
    save_card(folder / "README.md", facts)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    atomic.write_text(folder / SUMS, "".join(lines))


def sha256(file: Path) -> str:
    """Digest of a file, read piece by piece."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
