"""A bundle's model in a runtime: loaded once for an image at a time, and once for many at once.

A single image is answered soonest when every core works on it. Of many, more are done when each core
works on images of its own: no core then waits for another between two layers. A runtime settles
the number of threads as it loads, so the model is loaded twice; for many when it is first wanted.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from graft.core.errors import BundleError
from graft.core.files import sha256
from graft.predict.bundle import Metadata
from graft.predict.runtimes import ONNXRUNTIME, Model, loader


class Session:
    """A model of a bundle, loaded; a single image is computed by so many threads.

    Raises:
        BundleError: a file is missing or another than promised, the runtime cannot load it or is not installed.
    """

    def __init__(self, metadata: Metadata, precision: str, threads: int, runtime: str = ONNXRUNTIME) -> None:
        self._metadata, self._runtime, self._threads = metadata, runtime, threads
        self._files = metadata.files(precision, runtime)
        self._file = next(iter(self._files))
        self._lock = Lock()
        self._parallel = self._load(1, threads)
        self._serial = self._parallel if threads == 1 else None

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map pixels `[B, S, S, 3]`, RGB, to probabilities `[B, K]`, by all threads."""
        return self._run(self._parallel, pixels)

    def run_serial(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `run`, by one thread; several threads may call at once."""
        with self._lock:
            if self._serial is None:
                self._serial = self._load(self._threads, 1)
        return self._run(self._serial, pixels)

    def _run(self, model: Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return model.run({self._metadata.input: pixels}, self._metadata.output)

    def _load(self, callers: int, threads: int) -> Model:
        load = loader(self._runtime)
        with ThreadPoolExecutor(2) as pool:
            # hashing lets go of the interpreter: it is done while the runtime is imported and reads the model
            hashing = pool.submit(lambda: {file: sha256(file) for file in self._files})
            making = pool.submit(load, self._file, callers, threads)
        try:
            digests = hashing.result()
        except OSError as error:
            raise BundleError(f"{error.filename}: cannot be read: {error.strerror}") from error
        for file, digest in digests.items():
            if self._files[file] not in (None, digest):
                raise BundleError(
                    f"{file}: its sha256 is {digest}, not the {self._files[file]} expected; "
                    "it was damaged or exchanged since it was exported or loaded: copy or export the bundle again"
                )
        try:
            model = making.result()
        except Exception as error:  # the runtimes' own have no common base
            reason = str(error).replace("\n", " ")
            raise BundleError(f"{self._file}: {self._runtime} cannot load it: {reason}") from error
        self._check(model)
        self._files |= digests  # whatever is loaded later is these very files
        return model

    def _check(self, model: Model) -> None:
        """See that the model takes and gives what the bundle says it does."""
        side, classes = self._metadata.square.size, len(self._metadata.classes)
        for shapes, name, expected in (
            (model.inputs, self._metadata.input, (None, side, side, 3)),
            (model.outputs, self._metadata.output, (None, classes)),
        ):
            if name not in shapes or not _fits(shapes[name], expected):
                promised = f"{name} [{', '.join('batch' if length is None else str(length) for length in expected)}]"
                raise BundleError(
                    f"{self._file}: has {dict(shapes)} where graft.json promises {promised}; export the bundle again"
                )


def _fits(shape: Sequence[object], expected: Sequence[int | None]) -> bool:
    """Whether a shape is the expected one, where both name a length."""
    return len(shape) == len(expected) and all(
        has == want for has, want in zip(shape, expected, strict=True) if isinstance(has, int) and want is not None
    )
