"""The network as ONNX, presized pixels in and probabilities out: in float32, and quantised to eight bits."""

import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx_ir.passes import Sequential
from onnx_ir.passes.common import (
    CommonSubexpressionEliminationPass,
    DeduplicateInitializersPass,
    LiftConstantsToInitializersPass,
    RemoveUnusedNodesPass,
)
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from graft.core.files import new_file
from graft.core.seeds import derive
from graft.data.arrays import ImageRows
from graft.network.inference import FlipTTA, resize
from graft.network.network import Network
from graft.tasks import Decision, Task

OPSET = 20
CALIBRATION_BATCH = 16
QUANTISED = ["Conv"]
"""Operators in eight bits: where the time goes. The head stays exact: its features are standardised, some
are far from zero, and eight bits for them cost correct answers."""


ONCE = Sequential(
    LiftConstantsToInitializersPass(size_limit=0),
    DeduplicateInitializersPass(size_limit=sys.maxsize),
    CommonSubexpressionEliminationPass(),
    RemoveUnusedNodesPass(),
)
"""Have a graph hold and compute only once what several parts have in common: the frozen layers of an ensemble."""


class Served(nn.Module):
    """From pixels as `presize` stores them to probabilities: all that follows decoding."""

    def __init__(self, network: Network, task: Task, view: int, decision: Decision) -> None:
        super().__init__()
        self.network = FlipTTA(network, decision.tta)
        self.task = task
        self.view = view
        self.temperature = decision.temperature

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map pixels `[B, S, S, 3]`, uint8, RGB, to probabilities `[B, K]`, float32."""
        logits = self.network(resize(pixels, self.view))
        return self.task.activate(logits / self.temperature)


def export_onnx(network: Network, task: Task, view: int, size: int, decision: Decision, file: Path) -> None:
    """Write a network as ONNX for batches of any size.

    Args:
        network: with a head, on the CPU.
        view: side of the images that the network is evaluated at.
        size: side of the presized images, fixed in the graph.
    """
    served = Served(network, task, view, decision).eval().to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter calls torch's own deprecated names
        program = torch.onnx.export(
            served,
            (example,),
            input_names=["pixels"],
            output_names=["probabilities"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("batch", min=1)}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    ONCE(program.model)
    _save(program.model_proto, file)


def calibration_images(pixels: ImageRows, rows: NDArray[np.int64], count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield at most `count` images, drawn at random from `rows`, always the same: batches `[B, S, S, 3]`, uint8."""
    chosen = np.sort(np.random.default_rng(derive(0, "int8")).permutation(rows)[:count])
    for start in range(0, len(chosen), CALIBRATION_BATCH):
        yield pixels.read(chosen[start : start + CALIBRATION_BATCH])


def quantise(model: Path, batches: Iterator[NDArray[np.uint8]], out: Path) -> None:
    """Write a model whose convolutions are in eight bits, weights by channel.

    Weights keep to seven bits: processors without the newer instructions add pairs of products in
    sixteen, which eight would overflow.

    Args:
        model: the bundle's float model.
        batches: training images as presized, `[B, S, S, 3]`, uint8.

    Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877, as onnxruntime does it.
    """
    inputs = ({"pixels": batch} for batch in batches)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(model, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantised,
            SimpleNamespace(get_next=lambda: next(inputs, None)),  # onnxruntime observes the activations
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        _save(onnx.load(quantised), out)


def _save(model: onnx.ModelProto, file: Path) -> None:
    """Check a model and write it without anything that tells where and by what it was made.

    Names, sources and traces that the exporters leave in it hold paths of this machine, and the same
    network must give the same bytes.
    """
    model.producer_name, model.producer_version, model.graph.name = "graft", "", "graft"
    graph, functions = model.graph, model.functions
    nodes = [*graph.node, *(node for function in functions for node in function.node)]
    values = (*graph.initializer, *graph.value_info, *graph.input, *graph.output)
    for entry in (model, graph, *functions, *nodes, *values):
        entry.doc_string = ""
        del entry.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    with new_file(file) as partial:
        # deterministic: protobuf's own maps have no order of their own
        partial.write_bytes(model.SerializeToString(deterministic=True))
