"""A bundle's model in onnxruntime: one session for an image at a time, one for many at once.

A single image is answered soonest when every core works on it. Of many, more are done when each core
works on images of its own: no core then waits for another between two layers. onnxruntime settles
the number of threads per session, so there are two; the second is made when it is first wanted.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.core.errors import BundleError, install
from graft.core.files import sha256
from graft.predict.bundle import Metadata

SPIN = "20"
"""Microseconds for which a thread waits actively between two layers. Without, each layer begins later;
without an end, which is onnxruntime's own way, a run takes twice as long where others use the cores, too."""


class Session:
    """A model of a bundle, loaded; a single image is computed by so many threads.

    Raises:
        BundleError: the file is missing or another than promised, onnxruntime cannot load it or is not installed.
    """

    def __init__(self, metadata: Metadata, precision: str, threads: int) -> None:
        self._metadata = metadata
        self._file, self._sha256 = metadata.model(precision)
        self._lock = Lock()
        self._parallel = self._load(threads)
        self._serial = self._parallel if threads == 1 else None

    def run(self, pixels: NDArray[np.uint8], session: Any = None) -> NDArray[np.float32]:
        """Map pixels `[B, S, S, 3]`, RGB, to probabilities `[B, K]`, by all threads."""
        inputs = {self._metadata.input: pixels}
        found: NDArray[np.float32] = (session or self._parallel).run([self._metadata.output], inputs)[0]
        return found

    def run_serial(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `run`, in the thread that calls; several threads may call at once."""
        with self._lock:
            if self._serial is None:
                self._serial = self._load(1)
        return self.run(pixels, self._serial)

    def _load(self, threads: int) -> Any:
        with ThreadPoolExecutor(2) as pool:
            # hashing lets go of the interpreter: it is done while onnxruntime is imported and reads the model
            hashing = pool.submit(sha256, self._file)
            making = pool.submit(_session, self._file, threads)
        try:
            digest = hashing.result()
        except OSError as error:
            raise BundleError(f"{self._file}: cannot be read: {error.strerror}") from error
        if self._sha256 not in (None, digest):
            raise BundleError(
                f"{self._file}: its sha256 is {digest}, not the {self._sha256} expected; "
                "it was damaged or exchanged since it was exported or loaded: copy or export the bundle again"
            )
        try:
            session = making.result()
        except BundleError:
            raise
        except Exception as error:  # onnxruntime's own have no common base
            reason = str(error).replace("\n", " ")
            raise BundleError(f"{self._file}: onnxruntime cannot load it: {reason}") from error
        self._check(session)
        self._sha256 = digest  # whatever is loaded later is this very file
        return session

    def _check(self, session: Any) -> None:
        """See that the model takes and gives what the bundle says it does."""
        side, classes = self._metadata.square.size, len(self._metadata.classes)
        for entries, name, shape in (
            (session.get_inputs(), self._metadata.input, (None, side, side, 3)),
            (session.get_outputs(), self._metadata.output, (None, classes)),
        ):
            found = {entry.name: entry.shape for entry in entries}
            if name not in found or not _fits(found[name], shape):
                promised = f"{name} [{', '.join('batch' if length is None else str(length) for length in shape)}]"
                raise BundleError(
                    f"{self._file}: has {found} where graft.json promises {promised}; export the bundle again"
                )


def _session(file: Path, threads: int) -> Any:
    """Make a session. All optimisations: without them a start is no sooner and the first run takes longer."""
    try:
        import onnxruntime  # late: `import graft.predict` stays quick
    except ImportError as error:
        raise BundleError(f"onnxruntime is not installed: {install('predict')}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN)
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _fits(shape: Sequence[object], expected: Sequence[int | None]) -> bool:
    """Whether a shape is the expected one, where both name a length."""
    return len(shape) == len(expected) and all(
        has == want for has, want in zip(shape, expected, strict=True) if isinstance(has, int) and want is not None
    )
