"""A classifier of colours as a bundle, made by hand: red, green or blue, whichever there is most of."""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from select import select
from typing import Any, cast

import numpy as np
import onnx
import uvicorn
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from graft.apps.serve.config import Settings
from graft.apps.serve.server import build
from graft.images.decode import Square
from graft.predict.bundle import Metadata
from graft.predict.prediction import Prediction, decide
from graft.predict.predictor import Predictor

SIZE = 16
CLASSES = ["red", "green", "blue"]
COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "grey": (120, 120, 120)}
BOUNDARY = "----made"


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


def picture(colour: str = "red", kind: str = "PNG", width: int = 24, height: int = 20, **options: Any) -> bytes:
    """Bytes of a picture of one colour."""
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


def head(path: str = "/predict", method: str = "POST", **headers: str | int) -> bytes:
    """Head of a request; underscores in names of headers stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def running(predictor: Predictor, settings: Settings) -> Iterator[tuple[uvicorn.Server, int]]:
    """A server on a free port of the loopback, in a thread of this process; yields it and its port."""
    server = build(predictor, settings, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def live(predictor: Predictor, settings: Settings) -> Iterator[int]:
    """As `running`; yields the port."""
    with running(predictor, settings) as (_, port):
        yield port


PATIENCE = 60.0
"""Seconds after which a server that says nothing has failed a test."""


def talk(port: int, *chunks: bytes) -> bytes:
    """Send bytes as they are, and return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as link:
        for chunk in chunks:
            link.sendall(chunk)
        return heard_from(link)


def drip(port: int, first: bytes, drop: bytes) -> bytes:
    """Send bytes, and then a drop now and then until the server answers; return all that comes until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as link:
        link.sendall(first)
        while not select([link], [], [], 0.05)[0]:
            link.sendall(drop)
        return heard_from(link)


def begun(port: int, top: bytes) -> socket.socket:
    """Send the head of a request that waits to be asked for its body, until it is."""
    link = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    link.sendall(top)
    assert link.recv(65536).startswith(b"HTTP/1.1 100 ")
    return link


def heard_from(link: socket.socket) -> bytes:
    """All that comes until the server closes."""
    heard = bytearray()
    while piece := link.recv(65536):
        heard += piece
    return bytes(heard)


def parsed(heard: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of the last answer in what was heard."""
    top, _, body = heard[heard.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, json.loads(body)
