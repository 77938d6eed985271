"""A classifier of colours, as a bundle and without one: red, green or blue, whichever there is most of."""

import hashlib
import json
import threading
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from graft.images.decode import Square
from graft.predict.bundle import Metadata
from graft.predict.prediction import Prediction, decide
from graft.predict.predictor import Predictor

SIZE = 16
CLASSES = ["red", "green", "blue"]
COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "grey": (120, 120, 120)}
BOUNDARY = "----boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def colour_bundle(folder: Path, multi_label: bool = False) -> Path:
    """Write a bundle whose graph scales the mean colour by 6 and ends in a softmax or a sigmoid."""
    scale, shift = np.float32(6), np.float32(-3 if multi_label else 0)
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["means", "most"], ["shares"]),
        helper.make_node("Mul", ["shares", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["logits"]),
        helper.make_node("Sigmoid" if multi_label else "Softmax", ["logits"], ["probabilities"]),
    ]
    constants = {"most": np.float32(255), "scale": scale, "shift": shift}
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(CLASSES)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    facts: dict[str, Any] = {
        "graft": "0.1.0",
        "classes": CLASSES,
        "input": {"name": "pixels", "type": "uint8", "shape": ["batch", SIZE, SIZE, 3], "colour": "RGB"},
        "output": {"name": "probabilities", "type": "float32", "shape": ["batch", len(CLASSES)]},
        "presize": {
            "size": SIZE,
            "orientation": "EXIF applied",
            "transparency": "laid on white",
            "resample": "the whole picture, bicubic with antialiasing, aspect ratio given up",
        },
        "backbone": "none",
        "licences": {"pictures": "CC0", "weights": "CC0"},
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if multi_label:
        facts |= {"multi_label": True, "threshold": 0.5}
    (folder / "graft.json").write_text(json.dumps(facts))
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return folder


class Colours:
    """A predictor without a graph, that may be held up and may be unsure.

    Attributes:
        batches: sizes of what it was given.
        entered: has one more for each.
        go: while it is not set, nothing is answered.
    """

    def __init__(self, abstain_below: float | None = None) -> None:
        self.classes, self.square = CLASSES, Square(SIZE)
        self.multi_label, self.threshold = False, 0.5
        self.abstain_below = abstain_below
        self.batches: list[int] = []
        self.entered, self.go = threading.Semaphore(0), threading.Event()
        self.go.set()

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Do in numpy what the graph of `colour_bundle` does."""
        self.batches.append(len(pixels))
        self.entered.release()
        self.go.wait()
        logits = pixels.astype(np.float32).mean((1, 2)) / 255 * 6
        powers = np.exp(logits)
        return cast(np.ndarray, powers / powers.sum(1, keepdims=True))

    def decide(self, row: np.ndarray, source: str = "") -> Prediction:
        """Decide as a predictor does."""
        return decide(row, cast(Metadata, self), source)

    @property
    def as_predictor(self) -> Predictor:
        """Itself; the server asks for no more of a predictor than there is."""
        return cast(Predictor, self)


def image_bytes(colour: str = "red", kind: str = "PNG", width: int = 24, height: int = 20, **options: Any) -> bytes:
    """An encoded image of one colour."""
    out = BytesIO()
    Image.new("RGB", (width, height), COLOURS[colour]).save(out, kind, **options)
    return out.getvalue()


def form(files: Sequence[tuple[str, bytes]], ended: bool = True) -> bytes:
    """Body of a form of files, parted by `BOUNDARY`."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="pictures"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + (f"--{BOUNDARY}--\r\n".encode() if ended else b"")
