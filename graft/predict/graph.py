"""The graph of a bundle in onnxruntime: one session for a picture at a time, one for many at once.

A single picture is answered soonest when every core works on it. Of many, more are done when each core
works on pictures of its own: no core then waits for another between two layers. onnxruntime settles
the number of threads per session, so there are two; the second is made when it is first wanted.
"""

import hashlib
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.errors import BundleError

SPIN = "20"
"""Microseconds."""


class Graph:
    """A graph, loaded.

    Args:
        file: ONNX.
        sha256: what the file must have, where that is known.
        names: of the input and of the output.
        threads: that a picture alone is computed by.

    Raises:
        BundleError: the file is another than promised, onnxruntime cannot load it, or is not installed.
    """

    def __init__(self, file: Path, sha256: str | None, names: tuple[str, str], threads: int) -> None:
        self._file, self._sha256, self._threads = file, sha256, threads
        self._input, self._outputs = names[0], [names[1]]
        self._lock = Lock()
        self._alone = self._load(threads)
        self._beside = self._alone if threads == 1 else None

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map pixels `[B, S, S, 3]`, RGB, to probabilities `[B, K]`, by all threads."""
        found: NDArray[np.float32] = self._alone.run(self._outputs, {self._input: pixels})[0]
        return found

    def run_beside(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `run`, in the thread that calls; several threads may call at once."""
        with self._lock:
            if self._beside is None:
                self._beside = self._load(1)
        found: NDArray[np.float32] = self._beside.run(self._outputs, {self._input: pixels})[0]
        return found

    def _load(self, threads: int) -> Any:
        try:
            content = self._file.read_bytes()
        except OSError as error:
            raise BundleError(f"{self._file}: cannot be read: {error.strerror}") from error
        digest: list[str] = []
        # hashing lets go of the interpreter: it is done while onnxruntime is imported and reads the graph
        hashing = Thread(target=lambda: digest.append(hashlib.sha256(content).hexdigest()))
        hashing.start()
        try:
            session: Any = _session(content, threads)
        except Exception as error:  # onnxruntime's own have no common base
            session = error
        hashing.join()
        if self._sha256 is not None and digest[0] != self._sha256:
            raise BundleError(
                f"{self._file}: its sha256 is {digest[0]}, not the {self._sha256} expected; "
                "it was damaged or exchanged since it was exported or loaded: copy or export the bundle again"
            )
        if isinstance(session, BundleError):
            raise session
        if isinstance(session, Exception):
            said = str(session).replace("\n", " ")
            raise BundleError(f"{self._file}: onnxruntime cannot load it: {said}") from session
        self._sha256 = digest[0]  # whatever is loaded later is this very graph
        return session


def _session(content: bytes, threads: int) -> Any:
    """Make a session. All optimisations: without them a start is no sooner and the first run takes longer."""
    try:
        import onnxruntime  # late: `import graft.predict` stays quick
    except ImportError as error:
        raise BundleError("onnxruntime is not installed: `pip install graft[predict]`") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    # between two layers a thread waits actively only so long: it is as soon, and where others use the cores too,
    # threads that wait actively without end take twice the time (older versions do, and pass over the setting)
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
