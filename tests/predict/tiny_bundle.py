"""A tiny bundle, its model of five operators: how red, green and blue an image is."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

CLASSES = ["red", "green", "blue"]
SIZE = 8
SCALE = 32.0
"""Of mean grey values: one step makes a class e times as probable."""


def model(last: str = "Softmax", size: int = SIZE) -> bytes:
    """The model: the mean of each colour, less 128, over `SCALE`, through `last`."""
    constants: dict[str, np.ndarray] = {
        "axes": np.asarray([1, 2], dtype=np.int64),
        "middle": np.asarray(128.0, dtype=np.float32),
        "scale": np.asarray(SCALE, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("Sub", ["means", "middle"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["logits"]),
        helper.make_node(last, ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", size, size, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def write_bundle(folder: Path, last: str = "Softmax", **changed: Any) -> Path:
    """Write a bundle; `changed` is added to ``graft.json``, what is None there is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    content = model(last)
    (folder / "model.onnx").write_bytes(content)
    metadata = {
        "graft": "0.1.0",
        "classes": CLASSES,
        "input": {"name": "pixels"},
        "output": {"name": "probabilities"},
        "presize": {"size": SIZE},
        "sha256": hashlib.sha256(content).hexdigest(),
    } | changed
    written = {key: value for key, value in metadata.items() if value is not None}
    (folder / "graft.json").write_text(json.dumps(written), encoding="utf-8")
    return folder


def paint(path: Path, *colour: int, size: tuple[int, int] = (12, 10)) -> Path:
    """Write an image of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def probabilities(*colour: int) -> list[float]:
    """What the model gives for an image of one colour."""
    powers = np.exp((np.asarray(colour, dtype=np.float64) - 128) / SCALE)
    return [float(power) for power in powers / powers.sum()]
