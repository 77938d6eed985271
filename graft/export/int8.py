"""The graph in eight-bit integers, its ranges read off training pictures."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from graft.core.seeds import derive
from graft.data.arrays import ImageRows
from graft.export.onnx import save_stripped

BATCH = 16


def drawn(pixels: ImageRows, rows: NDArray[np.int64], count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield at most `count` of some pictures, drawn at random, always the same: batches `[B, S, S, 3]`, uint8."""
    some = np.sort(np.random.default_rng(derive(0, "int8")).permutation(rows)[:count])
    for start in range(0, len(some), BATCH):
        yield pixels.read(some[start : start + BATCH])


QUANTISED = ["Conv"]
"""Where the time goes. The head stays exact: its features are standardised, some reach far, and eight
bits for them cost right answers."""


class Ranges(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no types
    """Feeds pictures, a batch at a time, to whoever watches the activations."""

    def __init__(self, batches: Iterator[NDArray[np.uint8]]) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch as the graph's input, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {"pixels": batch}


def quantise(graph: Path, batches: Iterator[NDArray[np.uint8]], out: Path) -> None:
    """Write a graph whose convolutions are in eight bits, weights by channel.

    Weights keep to seven bits: processors without the newer instructions add pairs of products in
    sixteen, which eight would overflow.

    Args:
        graph: the bundle's.
        batches: training pictures as presized, `[B, S, S, 3]`, uint8.

    Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877, as onnxruntime does it.
    """
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(graph, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantised,
            Ranges(batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        save_stripped(onnx.load(quantised), out)
