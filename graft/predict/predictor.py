"""Classify pictures with a bundle: decode, presize, run the graph.

Needs numpy, Pillow and onnxruntime; the decoding is the very code that `index` and `presize` ran.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.decode import UnreadableError
from graft.errors import BundleError
from graft.predict.bundle import FLOAT, probability, read_facts
from graft.predict.graph import Graph
from graft.predict.pipeline import batched, cores, in_order
from graft.predict.results import Failure, Prediction, decide
from graft.predict.sources import Source, name_of, pixels_of

BATCH = 16
"""Pictures that `probabilities` gives at a time."""
SMALL_BATCH = 8
"""Pictures that a thread decodes and runs at a time: fewer cost more each, more come later and take memory."""


class Predictor:
    """A classifier in a folder. Any number of threads may use one at once.

    Args:
        bundle: the folder that `export` wrote.
        precision: which of the bundle's models, such as ``float`` or ``int8``.
        threads: to decode and compute with; as many as there are cores without.
        threshold: in place of what the bundle says: of several labels a picture its ``threshold``,
            of one label ``abstain_below``.

    Attributes:
        classes: in the order of the probabilities.
        multi_label: whether any number of classes may hold, each with a probability of its own.
        threshold: from which probability on a class holds, of several labels a picture.
        abstain_below: below it the answer is "not sure", of one label a picture; None without.
        size: side of the square that the graph takes.

    Raises:
        BundleError: no bundle, one that is damaged or not whole, or an argument that it cannot meet.
    """

    def __init__(
        self,
        bundle: Path | str,
        *,
        precision: str = FLOAT,
        threads: int | None = None,
        threshold: float | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise BundleError(f"threads: must be 1 or more; got {threads!r}")
        facts = read_facts(Path(bundle))
        if threshold is not None:
            own = probability(threshold, "threshold")
            facts = replace(facts, threshold=own) if facts.multi_label else replace(facts, abstain_below=own)
        self._facts, self._threads = facts, threads or cores()
        self.classes, self.multi_label, self.size = facts.classes, facts.multi_label, facts.size
        self.threshold, self.abstain_below = facts.threshold, facts.abstain_below
        self._graph = Graph(*facts.model(precision), (facts.input, facts.output), self._threads)

    def predict(self, source: Source) -> Prediction:
        """Classify one picture: a path, the content of a file, a picture of Pillow's, or an open file.

        Raises:
            UnreadableError: it is not a picture that can be decoded.
        """
        return self.decide(self.run(self.pixels(source)[None])[0], name_of(source))

    def predict_many(self, sources: Iterable[Source], *, batch: int = SMALL_BATCH) -> Iterator[Prediction | Failure]:
        """Yield a result for each picture, in order; one that cannot be decoded gives a `Failure`.

        Sources are taken as they are needed and results kept until they are asked for, both of a few
        batches only, so that streams of any length need the same memory.

        Args:
            sources: each as for `predict`.
            batch: pictures that a thread decodes and runs at a time.
        """
        for results in in_order(self._results, batched(sources, batch), self._threads):
            yield from results

    def probabilities(self, paths: Sequence[Path]) -> Iterator[NDArray[np.float32]]:
        """Yield probabilities `[B, K]` of picture files, batch by batch, in order.

        Raises:
            UnreadableError: a file is not a picture that can be decoded.
        """
        return in_order(self._rows, batched(paths, BATCH), self._threads)

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the graph on presized pixels `[B, S, S, 3]`, RGB; return probabilities `[B, K]`."""
        return self._graph.run(pixels)

    def pixels(self, source: Source) -> NDArray[np.uint8]:
        """Decode a picture into what `run` takes: `[S, S, 3]`, RGB.

        Raises:
            UnreadableError: it is not a picture that can be decoded.
        """
        return pixels_of(source, self.size)

    def decide(self, row: NDArray[np.float32], source: str = "") -> Prediction:
        """Turn a picture's probabilities `[K]` into a prediction."""
        return decide(row, self._facts, source)

    def _rows(self, sources: Sequence[Source]) -> NDArray[np.float32]:
        return self._graph.run_beside(np.stack([self.pixels(source) for source in sources]))

    def _results(self, sources: Sequence[Source]) -> list[Prediction | Failure]:
        """Results of a batch; its bad pictures are left out of what the graph runs on."""
        results: list[Prediction | Failure | None] = []
        good: list[NDArray[np.uint8]] = []
        for source in sources:
            try:
                good.append(self.pixels(source))
                results.append(None)
            except UnreadableError as error:
                results.append(Failure(str(error), name_of(source)))
        rows = iter(self._graph.run_beside(np.stack(good)) if good else ())
        return [
            self.decide(next(rows), name_of(source)) if result is None else result
            for source, result in zip(sources, results, strict=True)
        ]
