"""The network for Core ML: ``model.mlpackage``, a folder that apps for Apple's systems load.

It takes the presized image as an image and gives the probabilities. How to use it stands in it, too, as JSON under
``graft`` in its user-defined metadata. It can be converted anywhere, and run on Apple's systems alone: what it
answers is therefore not held against what was measured.
"""

import io
import json
import logging
import shutil
import uuid
import warnings
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from graft.core.errors import ExportError, install
from graft.core.files import write_text
from graft.export.formats import Exported, Files, Traits
from graft.export.onnx import Served
from graft.predict.bundle import FLOAT
from graft.tasks import task_of

PACKAGE, SPECIFICATION, WEIGHTS = "model.mlpackage", "com.apple.CoreML/model.mlmodel", "com.apple.CoreML/weights"


class _Image(nn.Module):
    """Takes images as Core ML hands them over, `[1, 3, S, S]`, float32 from 0 to 255."""

    def __init__(self, served: Served) -> None:
        super().__init__()
        self.served = served

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        probabilities: torch.Tensor = self.served(pixels.permute(0, 2, 3, 1))
        return probabilities


def write(folder: Path, exported: Exported) -> Files:
    """Write the package, in float32 as the network was measured.

    Raises:
        ExportError: the converter does not know an operator of the network, or made something else of it.
    """
    size, classes = exported.square.size, exported.description.classes
    model = _convert(exported)
    specification = model.get_spec()
    _check(specification.description, size, len(classes))
    used = exported.metadata | {
        "precision": FLOAT,
        "input": {"name": "pixels", "type": "image", "width": size, "height": size, "colour": "RGB"},
        "output": {"name": "probabilities", "type": "float32", "shape": [1, len(classes)]},
    }
    metadata = specification.description.metadata
    metadata.Clear()  # the converter's has the date
    metadata.userDefined["graft"] = json.dumps(used, ensure_ascii=False)
    data = folder / PACKAGE / "Data"
    (data / WEIGHTS).mkdir(parents=True)
    # deterministic: protobuf's own maps have no order of their own
    (data / SPECIFICATION).write_bytes(specification.SerializeToString(deterministic=True))
    shutil.copyfile(Path(model.weights_dir) / "weight.bin", data / WEIGHTS / "weight.bin")
    # as coremltools writes it: it does so again when it reads a package, and checksums must stay true
    write_text(folder / PACKAGE / "Manifest.json", json.dumps(_manifest(), indent=4, sort_keys=True) + "\n")
    files = ("Manifest.json", f"Data/{SPECIFICATION}", f"Data/{WEIGHTS}/weight.bin")
    return {FLOAT: [f"{PACKAGE}/{name}" for name in files]}


def obstacles(traits: Traits) -> list[str]:
    """Say what is not installed."""
    return [] if find_spec("coremltools") else [f"coremltools is not installed ({install('coreml')})"]


def _convert(exported: Exported) -> Any:
    """Make a model of Core ML of the network, with all that follows decoding.

    Source: coremltools, https://apple.github.io/coremltools/docs-guides/source/convert-pytorch-workflow.html.
    """
    logging.getLogger("coremltools").setLevel(logging.ERROR)  # it warns of what it lacks to run a model here
    import coremltools  # late: it takes seconds

    _register_int()
    description, size = exported.description, exported.square.size
    served = Served(exported.network, task_of(description), description.size, exported.decision)
    network = _Image(served).eval().to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):  # its progress bars
        warnings.simplefilter("ignore")  # it calls deprecated names of torch's, and none is for us to mend
        # traced, since what torch exports has operators of vision transformers that the converter does not know
        with torch.no_grad():
            program = torch.jit.trace(network, torch.zeros((1, 3, size, size)), check_trace=False)
        try:
            return coremltools.convert(
                program,
                inputs=[coremltools.ImageType("pixels", (1, 3, size, size), color_layout=coremltools.colorlayout.RGB)],
                outputs=[coremltools.TensorType("probabilities")],
                convert_to="mlprogram",
                minimum_deployment_target=coremltools.target.iOS16,
                compute_precision=coremltools.precision.FLOAT32,
                skip_model_load=True,
            )
        except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
            raise ExportError(f"export.formats: coremltools cannot convert the network: {error}") from error


def _register_int() -> None:
    """Have coremltools read a whole number out of an array that holds one, which newer NumPy does not do by itself."""
    from coremltools.converters.mil import Builder, register_torch_op

    @register_torch_op(torch_alias=["int"], override=True)  # type: ignore[untyped-decorator]
    def _int(context: Any, node: Any) -> None:
        given = context[node.inputs[0]]
        if given.val is None:
            number = Builder.cast(x=Builder.squeeze(x=given) if given.shape else given, dtype="int32", name=node.name)
        else:
            number = Builder.const(val=int(np.asarray(given.val).item()), name=node.name)
        context.add(number, node.name)


def _check(description: Any, size: int, classes: int) -> None:
    """Make sure that the model takes such images and gives probabilities of so many classes."""
    (taken,), (given,) = description.input, description.output
    image, array = taken.type.imageType, given.type.multiArrayType
    found = taken.name, image.width, image.height, image.colorSpace, given.name, list(array.shape)
    wanted = "pixels", size, size, image.ColorSpace.Value("RGB"), "probabilities", [1, classes]
    if found != wanted:
        raise ExportError(f"export.formats: coremltools made a model of {found}, where {wanted} was asked for")


def _manifest() -> dict[str, Any]:
    """What the package consists of; its parts are called by digests of their paths where coremltools draws lots."""
    described = {SPECIFICATION: "CoreML Model Specification", WEIGHTS: "CoreML Model Weights"}
    names = {path: str(uuid.uuid5(uuid.NAMESPACE_URL, path)) for path in described}
    return {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {
            names[path]: {"author": "com.apple.CoreML", "description": text, "name": Path(path).name, "path": path}
            for path, text in described.items()
        },
        "rootModelIdentifier": names[SPECIFICATION],
    }
