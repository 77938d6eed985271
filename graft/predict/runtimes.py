"""The runtimes that can compute a bundle's models: onnxruntime, and OpenVINO where the bundle has its format."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graft.core.errors import BundleError, install

ONNXRUNTIME, OPENVINO = "onnxruntime", "openvino"

SPIN = "20"
"""Microseconds for which a thread waits actively between two layers. Without, each layer begins later;
without an end, which is onnxruntime's own way, a run takes twice as long where others use the cores, too."""


class Model(Protocol):
    """A model that a runtime has loaded.

    Attributes:
        inputs, outputs: shapes by name; an axis of any length is no number.
    """

    inputs: Mapping[str, Sequence[object]]
    outputs: Mapping[str, Sequence[object]]

    def run(self, inputs: dict[str, NDArray[np.uint8]], output: str) -> NDArray[np.float32]:
        """Compute one output; several threads may call at once."""


Load = Callable[[Path, int, int], Model]
"""Load a file, for so many threads that call at once and so many that work on each call."""


def loader(runtime: str) -> Load:
    """Return what loads a model in a runtime.

    Raises:
        BundleError: the runtime is not installed.
    """
    if find_spec(runtime) is None:
        extra = "predict" if runtime == ONNXRUNTIME else runtime
        raise BundleError(f"{runtime} is not installed: {install(extra)}")
    loaders: dict[str, Load] = {ONNXRUNTIME: _OnnxRuntime, OPENVINO: _OpenVino}
    return loaders[runtime]


class _OnnxRuntime:
    """All optimisations: without them a start is no sooner and the first run takes longer."""

    inputs: Mapping[str, Sequence[object]]
    outputs: Mapping[str, Sequence[object]]

    def __init__(self, file: Path, callers: int, threads: int) -> None:
        import onnxruntime  # late: `import graft.predict` stays quick

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # who calls works too, so that any number may
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN)
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.inputs = {entry.name: entry.shape for entry in self._session.get_inputs()}
        self.outputs = {entry.name: entry.shape for entry in self._session.get_outputs()}

    def run(self, inputs: dict[str, NDArray[np.uint8]], output: str) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._session.run([output], inputs)[0]
        return found


class _OpenVino:
    inputs: Mapping[str, Sequence[object]]
    outputs: Mapping[str, Sequence[object]]

    def __init__(self, file: Path, callers: int, threads: int) -> None:
        openvino = import_openvino()
        settings = {
            "INFERENCE_NUM_THREADS": callers * threads,
            "NUM_STREAMS": callers,
            "INFERENCE_PRECISION_HINT": "f32",  # else processors with bfloat16 would round what was measured
            "ENABLE_CPU_PINNING": False,  # others use the cores, too
        }
        self._model = openvino.Core().compile_model(file, "CPU", settings)
        self._own = threading.local()  # a request computes for one caller at a time
        self.inputs, self.outputs = (
            {
                entry.any_name: [axis.get_length() if axis.is_static else None for axis in entry.partial_shape]
                for entry in entries
            }
            for entries in (self._model.inputs, self._model.outputs)
        )

    def run(self, inputs: dict[str, NDArray[np.uint8]], output: str) -> NDArray[np.float32]:
        if not hasattr(self._own, "request"):
            self._own.request = self._model.create_infer_request()
        self._own.request.infer(inputs)
        found: NDArray[np.float32] = self._own.request.get_tensor(output).data.copy()  # it is the request's own memory
        return found


def import_openvino() -> Any:
    """Import OpenVINO without the package by which it reports each import to its makers."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # which makes its import fail, as absent
    import openvino

    return openvino
