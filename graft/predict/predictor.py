"""Classify images with a bundle: decode, presize, run the model.

Needs numpy, Pillow, and onnxruntime or OpenVINO; the decoding is the very code that `index` and `presize` ran.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from socket import gethostname
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.core.addresses import is_remote
from graft.core.errors import BundleError, GraftError
from graft.core.files import sha256
from graft.core.parallel import batched, cores, in_order
from graft.images.decode import Square, UnreadableError, decode, upright_rgb
from graft.images.depth import Depth
from graft.predict.bundle import FLOAT, check_probability, read_metadata
from graft.predict.fastest import fastest
from graft.predict.prediction import Failure, Nothing, Prediction, decide
from graft.predict.regions import Find
from graft.predict.session import Session

BATCH = 4
"""Images that a thread decodes and runs at a time: fewer cost more each, more only come later and take memory."""


class Readable(Protocol):
    """An open file, or what can be read like one."""

    def read(self) -> bytes:
        """Give the whole content."""


Source: TypeAlias = str | Path | bytes | bytearray | memoryview | Image.Image | Readable
"""A path, the content of an image file, an image of Pillow's, or an open file."""

Change: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
Run: TypeAlias = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Predictor:
    """A classifier in a folder. Any number of threads may use one at once.

    Args:
        bundle: the folder that `export` wrote.
        precision: which of the bundle's models, such as ``float`` or ``int8``.
        threads: to decode and compute with; as many as there are cores without.
        runtime: ``onnxruntime``, or ``openvino`` where the bundle has its format; without, the faster of those that
            are installed, which is measured once on a machine.
        threshold: in place of what the bundle says: of several labels an image its ``threshold``,
            of one label ``abstain_below``.

    Attributes:
        classes: in the order of the probabilities.
        multi_label: whether any number of classes may hold, each with a probability of its own.
        threshold: from which probability on a class holds, of several labels an image.
        abstain_below: below it the answer is "not sure", of one label an image; None without.
        square: what an image is resampled to before the model sees it.
        runtime: what computes the model.

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
        runtime: str | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise BundleError(f"threads: must be 1 or more; got {threads!r}")
        self._made_of = str(Path(bundle).absolute()), precision, threshold
        metadata = read_metadata(Path(bundle))
        if threshold is not None:
            limit = check_probability(threshold, "threshold")
            changed = {"threshold" if metadata.multi_label else "abstain_below": limit}
            metadata = replace(metadata, **changed)  # type: ignore[arg-type] # the names of two floats
        self._metadata, self._threads = metadata, threads or cores()
        self.classes, self.multi_label, self.square = metadata.classes, metadata.multi_label, metadata.square
        self.threshold, self.abstain_below = metadata.threshold, metadata.abstain_below
        self.runtime = runtime or fastest(metadata, precision, self._threads)
        self._session = Session(metadata, precision, self._threads, self.runtime)

    def __reduce__(self) -> tuple[Callable[..., "Predictor"], tuple[str, str, str, float | None, str]]:
        """Another process makes it anew of the same bundle, with one thread, and only once."""
        folder, precision, threshold = self._made_of
        return _elsewhere, (sha256(Path(folder, "graft.json")), folder, precision, threshold, self.runtime)

    def predict(self, source: Source) -> Prediction:
        """Classify one image: a path, the content of a file, an image of Pillow's, or an open file.

        Raises:
            UnreadableError: it is not an image that can be decoded.
        """
        return self.decide(self.run(self.pixels(source)[None])[0], name_of(source))

    def predict_many(self, sources: Iterable[Source], *, batch: int = BATCH) -> Iterator[Prediction | Failure]:
        """Yield a prediction for each image, in order; one that cannot be decoded gives a `Failure`.

        Only a few batches are read ahead, so that streams of any length need the same memory.

        Args:
            sources: each as for `predict`.
            batch: images that a thread decodes and runs at a time.
        """
        rest = batched(sources, batch)
        # the first are answered by all threads together: soonest, and for a few nothing more is loaded
        for first in islice(rest, 1):
            yield from self._predict(first, list(in_order(self._decode, first, self._threads)), self.run)
        for predictions in in_order(self.predict_batch, rest, self._threads):
            yield from predictions

    def predict_batch(self, sources: Sequence[Source]) -> list[Prediction | Failure]:
        """Answer a few images together, in the thread that calls."""
        return self._predict(sources, list(map(self._decode, sources)), self._session.run_serial)

    def predict_regions(self, sources: Iterable[Source], find: Find) -> Iterator[list[Prediction | Failure | Nothing]]:
        """Yield, for each image in order, predictions of what `find` finds in it, each with its region.

        One that cannot be decoded gives a `Failure`, one in which nothing is found a `Nothing`.
        """
        return in_order(lambda source: self._predict_regions(source, find), sources, self._threads)

    def _predict_regions(self, source: Source, find: Find) -> list[Prediction | Failure | Nothing]:
        name = name_of(source)
        try:
            image = image_of(source, self.square.depth)
        except UnreadableError as error:
            return [Failure(str(error), name)]
        found: list[Prediction | Failure | Nothing] = []
        for batch in batched(find(name, image), BATCH):
            rows = self._session.run_serial(np.stack([self.square.of(crop) for _, crop in batch]))
            found += [
                replace(self.decide(row, name), region=region) for (region, _), row in zip(batch, rows, strict=True)
            ]
        return found or [Nothing(name)]

    def probabilities(self, paths: Sequence[Path], change: Change | None = None) -> Iterator[NDArray[np.float32]]:
        """Yield probabilities `[B, K]` of image files, batch by batch, in order.

        Args:
            paths: the files.
            change: made to the pixels `[S, S, 3]` of each before the model sees them.

        Raises:
            UnreadableError: a file is not an image that can be decoded.
        """

        def answer(batch: list[Path]) -> NDArray[np.float32]:
            pixels = map(self.pixels, batch)
            return self._session.run_serial(np.stack(list(map(change, pixels) if change else pixels)))

        return in_order(answer, batched(paths, BATCH), self._threads)

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the model on presized pixels `[B, S, S, 3]`, RGB; return probabilities `[B, K]`."""
        return self._session.run(pixels)

    def pixels(self, source: Source) -> NDArray[np.uint8]:
        """Decode an image into what `run` takes: `[S, S, 3]`, RGB.

        Raises:
            UnreadableError: it is not an image that can be decoded.
        """
        return pixels_of(source, self.square)

    def decide(self, row: NDArray[np.float32], source: str = "") -> Prediction:
        """Turn an image's probabilities `[K]` into a prediction."""
        return decide(row, self._metadata, source)

    def _decode(self, source: Source) -> NDArray[np.uint8] | Failure:
        try:
            return self.pixels(source)
        except UnreadableError as error:
            return Failure(str(error), name_of(source))

    def _predict(
        self, sources: Sequence[Source], decoded: Sequence[NDArray[np.uint8] | Failure], run: Run
    ) -> list[Prediction | Failure]:
        """Predictions of a batch; its bad images are left out of what the model runs on."""
        good = [pixels for pixels in decoded if not isinstance(pixels, Failure)]
        rows = iter(run(np.stack(good)) if good else ())
        return [
            pixels if isinstance(pixels, Failure) else self.decide(next(rows), name_of(source))
            for source, pixels in zip(sources, decoded, strict=True)
        ]


@lru_cache(maxsize=1)
def _elsewhere(digest: str, folder: str, precision: str, threshold: float | None, runtime: str) -> Predictor:
    """A predictor in a process that was sent one, of the bundle whose ``graft.json`` has that digest."""
    made = Predictor(folder, precision=precision, threads=1, threshold=threshold, runtime=runtime)
    if sha256(Path(folder, "graft.json")) != digest:
        raise BundleError(f"{folder}: is another bundle on {gethostname()} than where it was loaded: copy it there")
    return made


def pixels_of(source: Source, square: Square) -> NDArray[np.uint8]:
    """Decode an image and resample it to the square that the model takes.

    Returns:
        Pixels `[S, S, 3]`, uint8, RGB: of a file, the very ones that `presize` stores.

    Raises:
        UnreadableError: it cannot be read or decoded; the text says why, in one line.
        TypeError: it is none of what an image may be given as.
    """
    if isinstance(source, Image.Image):
        return square.of(upright_rgb(source, square.depth))
    return square.read(opened(source))


def image_of(source: Source, depth: Depth) -> Image.Image:
    """Decode an image, upright and RGB, in its own size; raises as `pixels_of`.

    Args:
        depth: which values of more than eight bits are black and white.
    """
    if isinstance(source, Image.Image):
        return upright_rgb(source, depth)
    return decode(opened(source), depth=depth).image


def name_of(source: Source) -> str:
    """What a source is called: the path as given, an open file's name, empty of anything else."""
    if isinstance(source, str | Path):
        return str(source)
    name = getattr(source, "name", "")
    return name if isinstance(name, str) else ""


def opened(source: str | Path | bytes | bytearray | memoryview | Readable) -> Path | BytesIO:
    """A file's path, or the content of what is none.

    Raises:
        UnreadableError: what can be read like a file cannot be read.
    """
    if isinstance(source, str):
        if source.startswith("file://"):
            raise UnreadableError("is an address; give the path itself, without file://")
        if is_remote(source):
            raise UnreadableError("is an address, and a predictor reads files: give what lies there, as bytes")
        source = Path(source)
    return source if isinstance(source, Path) else BytesIO(_content(source))


def _content(source: bytes | bytearray | memoryview | Readable) -> bytes | bytearray | memoryview:
    if isinstance(source, bytes | bytearray | memoryview):
        return source
    if not hasattr(source, "read"):
        raise TypeError(
            f"{type(source).__name__}: a picture is a path, the bytes of a file, an open file or a picture of "
            "Pillow's, such as Image.fromarray(array)"
        )
    try:
        return source.read()
    except (OSError, GraftError) as error:
        reason = str(error) if isinstance(error, GraftError) else f"{type(error).__name__}: {error}"
        raise UnreadableError(reason.replace("\n", " ")) from error
