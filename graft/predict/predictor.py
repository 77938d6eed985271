"""Classify pictures with a bundle: decode, presize, run the graph.

Needs numpy, Pillow and onnxruntime; the decoding is the very code that `index` and `presize` ran.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from graft.core.errors import BundleError
from graft.core.parallel import batched, cores, in_order
from graft.images.decode import UnreadableError
from graft.predict.bundle import FLOAT, probability, read_facts
from graft.predict.inputs import Source, name_of, pixels_of
from graft.predict.prediction import Failure, Prediction, decide
from graft.predict.session import Graph

Results: TypeAlias = list[Prediction | Failure]
Run: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

BATCH = 4
"""Pictures that a thread decodes and runs at a time: fewer cost more each, more only come later and take memory."""


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
        square: what a picture is resampled to before the graph sees it.

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
        self.classes, self.multi_label, self.square = facts.classes, facts.multi_label, facts.square
        self.threshold, self.abstain_below = facts.threshold, facts.abstain_below
        self._graph = Graph(facts, precision, self._threads)

    def predict(self, source: Source) -> Prediction:
        """Classify one picture: a path, the content of a file, a picture of Pillow's, or an open file.

        Raises:
            UnreadableError: it is not a picture that can be decoded.
        """
        return self.decide(self.run(self.pixels(source)[None])[0], name_of(source))

    def predict_many(self, sources: Iterable[Source], *, batch: int = BATCH) -> Iterator[Prediction | Failure]:
        """Yield a result for each picture, in order; one that cannot be decoded gives a `Failure`.

        Sources are taken as they are needed and results kept until they are asked for, both of a few
        batches only, so that streams of any length need the same memory.

        Args:
            sources: each as for `predict`.
            batch: pictures that a thread decodes and runs at a time.
        """
        rest = batched(sources, batch)
        # the first are answered by all threads together: soonest, and for a few nothing more is loaded
        for first in islice(rest, 1):
            yield from self._results(first, list(in_order(self._decoded, first, self._threads)), self.run)
        for results in in_order(self._alone, rest, self._threads):
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
        return pixels_of(source, self.square)

    def decide(self, row: NDArray[np.float32], source: str = "") -> Prediction:
        """Turn a picture's probabilities `[K]` into a prediction."""
        return decide(row, self._facts, source)

    def _rows(self, sources: Sequence[Source]) -> NDArray[np.float32]:
        return self._graph.run_beside(np.stack([self.pixels(source) for source in sources]))

    def _alone(self, sources: Sequence[Source]) -> Results:
        """Results of a batch, all in the thread that calls."""
        return self._results(sources, [self._decoded(source) for source in sources], self._graph.run_beside)

    def _decoded(self, source: Source) -> NDArray[np.uint8] | Failure:
        try:
            return self.pixels(source)
        except UnreadableError as error:
            return Failure(str(error), name_of(source))

    def _results(self, sources: Sequence[Source], decoded: Sequence[NDArray[np.uint8] | Failure], run: Run) -> Results:
        """Results of a batch; its bad pictures are left out of what the graph runs on."""
        good = [pixels for pixels in decoded if not isinstance(pixels, Failure)]
        rows = iter(run(np.stack(good)) if good else ())
        return [
            pixels if isinstance(pixels, Failure) else self.decide(next(rows), name_of(source))
            for source, pixels in zip(sources, decoded, strict=True)
        ]
