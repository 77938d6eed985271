"""The network for OpenVINO: ``model.xml`` and ``model.bin``, in eight bits ``model.int8.xml`` and ``model.int8.bin``.

They are made of the bundle's ONNX model, and compute the same from the same pixels. How to use them stands in them,
too, as JSON: ``model.get_rt_info("graft")``.
"""

import json
import logging
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.core.errors import install
from graft.export.formats import Exported, Files, Traits
from graft.predict.bundle import FLOAT
from graft.predict.runtimes import import_openvino

QUANTISED = {"Convolution", "GroupConvolution"}
"""Operators in eight bits, the same as in the ONNX model of eight bits, and for the same reason."""


def write(folder: Path, exported: Exported) -> Files:
    """Write the model in float32 and, where training images to calibrate with are given, in eight bits."""
    return convert(exported.model, folder, exported.metadata, exported.calibration)


def obstacles(traits: Traits) -> list[str]:
    """Say what is not installed; OpenVINO holds every network that ONNX does."""
    needed = {"openvino": "openvino"} | ({"nncf": "openvino-int8"} if traits.int8 else {})
    return [f"{name} is not installed ({install(extra)})" for name, extra in needed.items() if find_spec(name) is None]


def convert(
    model: Path,
    folder: Path,
    metadata: dict[str, Any],
    calibration: Callable[[], Iterator[NDArray[np.uint8]]] | None = None,
) -> Files:
    """Write an ONNX model for OpenVINO; as `write`."""
    core = import_openvino().Core()
    written = {FLOAT: _save(core.read_model(model), folder / "model.xml", metadata, FLOAT)}
    if calibration is not None:
        quantised = _quantise(core.read_model(model), calibration())
        written["int8"] = _save(quantised, folder / "model.int8.xml", metadata, "int8")
    return written


def _quantise(model: Any, batches: Iterator[NDArray[np.uint8]]) -> Any:
    """Put the convolutions of a model into eight bits, weights by channel and, as in ONNX, of seven bits.

    Source: NNCF, https://github.com/openvinotoolkit/nncf, its quantisation after training.
    """
    import nncf  # late: it takes seconds, and most want no eight bits

    nncf.set_log_level(logging.ERROR)
    images = list(batches)
    quantised: Any = nncf.quantize(
        model,
        nncf.Dataset(images, lambda batch: {"pixels": batch}),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(types=sorted({node.get_type_name() for node in model.get_ops()} - QUANTISED)),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE, disable_bias_correction=False
        ),
    )
    return quantised


def _save(model: Any, file: Path, metadata: dict[str, Any], precision: str) -> list[str]:
    """Write a model, with what graft.json says of its use, and nothing in it that counts what was made before."""
    for number, node in enumerate(model.get_ordered_ops()):
        if node.get_type_name() not in ("Parameter", "Result"):
            node.set_friendly_name(f"{node.get_type_name()}_{number}")
    model.set_rt_info(json.dumps(metadata | {"precision": precision}, ensure_ascii=False), "graft")
    import_openvino().save_model(model, file, compress_to_fp16=False)
    return [file.name, file.with_suffix(".bin").name]
