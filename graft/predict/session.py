"""The graph of a bundle in onnxruntime: one session for a picture at a time, one for many at once.

A single picture is answered soonest when every core works on it. Of many, more are done when each core
works on pictures of its own: no core then waits for another between two layers. onnxruntime settles
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
from graft.predict.bundle import Facts

SPIN = "20"
"""Microseconds for which a thread waits actively between two layers. Without, each layer begins later;
without an end, which is onnxruntime's own way, a run takes twice as long where others use the cores, too.
Versions of onnxruntime that do not know the setting pass over it."""


class Graph:
    """A graph, loaded.

    Args:
        facts: of the bundle.
        precision: which of its models.
        threads: that a picture alone is computed by.

    Raises:
        BundleError: the file is missing or another than promised, onnxruntime cannot load it or is not installed.
    """

    def __init__(self, facts: Facts, precision: str, threads: int) -> None:
        self._facts, self._outputs = facts, [facts.output]
        self._file, self._sha256 = facts.model(precision)
        self._lock = Lock()
        self._alone = self._load(threads)
        self._beside = self._alone if threads == 1 else None

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map pixels `[B, S, S, 3]`, RGB, to probabilities `[B, K]`, by all threads."""
        found: NDArray[np.float32] = self._alone.run(self._outputs, {self._facts.input: pixels})[0]
        return found

    def run_beside(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `run`, in the thread that calls; several threads may call at once."""
        with self._lock:
            if self._beside is None:
                self._beside = self._load(1)
        found: NDArray[np.float32] = self._beside.run(self._outputs, {self._facts.input: pixels})[0]
        return found

    def _load(self, threads: int) -> Any:
        with ThreadPoolExecutor(1) as pool:
            # hashing lets go of the interpreter: it is done while onnxruntime is imported and reads the graph
            hashing = pool.submit(_digest, self._file)
            try:
                session: Any = _session(self._file, threads)
            except Exception as error:  # onnxruntime's own have no common base
                session = error
            digest = hashing.result()
        if self._sha256 not in (None, digest):
            raise BundleError(
                f"{self._file}: its sha256 is {digest}, not the {self._sha256} expected; "
                "it was damaged or exchanged since it was exported or loaded: copy or export the bundle again"
            )
        if isinstance(session, Exception):
            if isinstance(session, BundleError):
                raise session
            said = str(session).replace("\n", " ")
            raise BundleError(f"{self._file}: onnxruntime cannot load it: {said}") from session
        self._check(session)
        self._sha256 = digest  # whatever is loaded later is this very graph
        return session

    def _check(self, session: Any) -> None:
        """See that the graph takes and gives what the bundle says it does."""
        side, classes = self._facts.square.size, len(self._facts.classes)
        for entries, name, shape in (
            (session.get_inputs(), self._facts.input, (None, side, side, 3)),
            (session.get_outputs(), self._facts.output, (None, classes)),
        ):
            found = {entry.name: entry.shape for entry in entries}
            if name not in found or not _fits(found[name], shape):
                wanted = f"{name} [{', '.join('batch' if length is None else str(length) for length in shape)}]"
                raise BundleError(
                    f"{self._file}: has {found} where graft.json promises {wanted}; export the bundle again"
                )


def _digest(file: Path) -> str:
    try:
        return sha256(file)
    except OSError as error:
        raise BundleError(f"{file}: cannot be read: {error.strerror}") from error


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


def _fits(found: Sequence[object], wanted: Sequence[int | None]) -> bool:
    """Whether a shape is as wanted, where both name a length."""
    return len(found) == len(wanted) and all(
        has == want for has, want in zip(found, wanted, strict=True) if isinstance(has, int) and want is not None
    )
