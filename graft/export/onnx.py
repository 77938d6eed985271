"""The network as ONNX: presized pixels in, probabilities out."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from graft.core.files import new_file
from graft.network.inference import Averaged
from graft.network.network import Network
from graft.network.resample import sample
from graft.tasks import Task
from graft.tasks.decision import Decision

OPSET = 20


class Served(nn.Module):
    """From pixels as `presize` stores them to probabilities: all that follows decoding."""

    def __init__(self, network: Network, task: Task, view: int, decision: Decision) -> None:
        super().__init__()
        self.network = Averaged(network, decision.flips)
        self.task = task
        self.view = view
        self.temperature = decision.temperature

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map pixels `[B, S, S, 3]`, uint8, RGB, to probabilities `[B, K]`, float32."""
        logits = self.network(sample(pixels, self.view))
        return self.task.activate(logits / self.temperature)


def export_onnx(network: Network, task: Task, view: int, size: int, decision: Decision, file: Path) -> None:
    """Write a network as ONNX with a dynamic number of pictures.

    Names, sources and traces that the exporter leaves in the file are removed: they hold paths of
    this machine, and the same network must give the same bytes.

    Args:
        network: with a head, on the CPU.
        task: gives the graph's last step, from logits to probabilities.
        decision: which views the graph averages, and at which temperature.
        view: side of the view that the network is evaluated at.
        size: side of the presized pictures, fixed in the graph.
    """
    served = Served(network, task, view, decision).eval().to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter calls torch's own deprecated names
        program = torch.onnx.export(
            served,
            (example,),
            input_names=["pixels"],
            output_names=["probabilities"],
            dynamic_shapes={"pixels": {0: batch}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    save_stripped(model, file)


def save_stripped(model: onnx.ModelProto, file: Path) -> None:
    """Check a graph and write it without anything that tells where and by what it was made."""
    strip(model)
    onnx.checker.check_model(model, full_check=True)
    with new_file(file) as partial:
        # deterministic: protobuf's own maps have no order of their own
        partial.write_bytes(model.SerializeToString(deterministic=True))


def strip(model: onnx.ModelProto) -> None:
    """Remove documentation strings, metadata and producer from a model, its graph and its nodes."""
    model.producer_name, model.producer_version, model.doc_string = "graft", "", ""
    del model.metadata_props[:]
    _strip_graph(model.graph)
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        for node in function.node:
            _strip_entry(node)


def _strip_graph(graph: onnx.GraphProto) -> None:
    graph.name = "graft"
    for entries in (graph.node, graph.initializer, graph.value_info, graph.input, graph.output):
        for entry in entries:
            _strip_entry(entry)
    del graph.metadata_props[:]
    graph.doc_string = ""


def _strip_entry(entry: onnx.NodeProto | onnx.TensorProto | onnx.ValueInfoProto) -> None:
    entry.doc_string = ""
    del entry.metadata_props[:]
