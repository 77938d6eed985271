"""Classify picture files with a bundle: decode, presize, run the graph.

Needs numpy, Pillow and onnxruntime; the decoding is the very code that `index` and `presize` ran.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from graft.decode import open_upright, square

BATCH = 16


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the classifier says of one picture.

    Attributes:
        label: the most probable class.
        probability: of that class.
        probabilities: of every class, by name.
        labels: the classes that hold: `label` alone or, from a bundle of several labels a
            picture, those as probable as its threshold or more, maybe none.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    labels: tuple[str, ...]


class Predictor:
    """A classifier in a folder.

    Args:
        bundle: the folder that `export` wrote.
        precision: float, or int8 where the bundle holds such a graph.

    Attributes:
        classes: in the order of the probabilities.
        multi_label: whether any number of classes may hold, each with a probability of its own.
    """

    def __init__(self, bundle: Path, precision: str = "float") -> None:
        facts = json.loads((bundle / "graft.json").read_text(encoding="utf-8"))
        self.classes: list[str] = facts["classes"]
        self.multi_label: bool = facts.get("multi_label", False)
        self.threshold: float = facts.get("threshold", 0.5)
        self.size: int = facts["presize"]["size"]
        file = facts.get("models", {"float": "model.onnx"})[precision]
        self._session = onnxruntime.InferenceSession(bundle / file, providers=["CPUExecutionProvider"])

    def predict(self, path: Path) -> Prediction:
        """Classify one picture file.

        Raises:
            UnreadableError: the file is not a picture that can be decoded.
        """
        row = next(self.probabilities([path]))[0]
        best = int(row.argmax())
        named = dict(zip(self.classes, map(float, row), strict=True))
        held = np.flatnonzero(row >= self.threshold) if self.multi_label else [best]
        labels = tuple(self.classes[place] for place in held)
        return Prediction(self.classes[best], float(row[best]), named, labels)

    def probabilities(self, paths: Sequence[Path]) -> Iterator[NDArray[np.float32]]:
        """Yield probabilities `[B, K]` of picture files, batch by batch, in order.

        The next batch is decoded while the graph runs on the last.

        Raises:
            UnreadableError: a file is not a picture that can be decoded.
        """
        with ThreadPoolExecutor() as pool:
            cuts = pairwise([*range(0, len(paths), BATCH), len(paths)])
            decoding = (pool.map(self._pixels, paths[start:stop]) for start, stop in cuts)
            ahead = next(decoding, None)
            while ahead is not None:
                pixels, ahead = np.stack(list(ahead)), next(decoding, None)
                yield self.run(pixels)

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the graph on presized pixels `[B, S, S, 3]`, RGB; return probabilities `[B, K]`."""
        found: NDArray[np.float32] = self._session.run(["probabilities"], {"pixels": pixels})[0]
        return found

    def _pixels(self, path: Path) -> NDArray[np.uint8]:
        return square(open_upright(path, shrink_to=self.size), self.size)
