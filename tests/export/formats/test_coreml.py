"""Core ML's package says what it takes and gives, holds the network's weights, and is the same bytes each time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from graft.core.errors import ExportError
from graft.export import formats
from graft.export.config import Export
from graft.export.formats import coreml
from graft.images.decode import Square
from graft.tasks import Decision
from tests.export import tiny_bundle

pytestmark = pytest.mark.slow

SIZE = 40
WRITE = """
import sys
from pathlib import Path
from tests.export.formats.test_coreml import write
write(Path(sys.argv[1]))
"""


def write(folder: Path) -> Path:
    """A whole bundle with that format."""
    folder.mkdir()
    decision = Decision(tta=["none", "horizontal"], temperature=1.5)
    tiny_bundle.write_bundle(
        folder,
        tiny_bundle.network(),
        tiny_bundle.DESCRIPTION,
        Square(SIZE),
        decision,
        Export(formats=["coreml"]),
        lambda _: iter(()),
        tiny_bundle.RECORD,
    )
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bundle") / "bundle")


def specification_of(bundle: Path) -> Any:
    """As coremltools reads it back from the package."""
    import coremltools  # late: in a process of its own, graft is the first to import it, and quietly

    return coremltools.models.MLModel(str(bundle / "coreml/model.mlpackage"), skip_model_load=True).get_spec()


@pytest.fixture(scope="module")
def specification(bundle: Path) -> Any:
    return specification_of(bundle)


def test_it_takes_the_presized_image_and_gives_probabilities(specification: Any) -> None:
    (taken,), (given,) = specification.description.input, specification.description.output
    image, array = taken.type.imageType, given.type.multiArrayType
    assert (taken.name, image.width, image.height, image.colorSpace) == ("pixels", SIZE, SIZE, image.RGB)
    assert (given.name, list(array.shape), array.dataType) == ("probabilities", [1, 3], array.FLOAT32)


def test_its_metadata_say_how_it_is_used(bundle: Path, specification: Any) -> None:
    said = json.loads((bundle / "graft.json").read_text())
    held = dict(specification.description.metadata.userDefined)
    assert held.keys() == {"graft"}
    used = json.loads(held["graft"])
    for key in ("classes", "presize", "graph", "abstain_below"):
        assert used[key] == said[key]
    assert used["input"] == {"name": "pixels", "type": "image", "width": SIZE, "height": SIZE, "colour": "RGB"}
    files = said["formats"]["coreml"]["float"]
    found = {file.relative_to(bundle).as_posix() for file in (bundle / "coreml").rglob("*") if file.is_file()}
    assert found == set(files)
    assert set(files) < said["sha256"].keys()
    card = (bundle / "README.md").read_text()
    assert "| coreml | float | " in card
    assert "Core ML's takes them as an image and was not run where it was made." in card


def test_its_weights_are_those_of_the_network(specification: Any, bundle: Path) -> None:
    """Each convolution has one, of its shape, whose bytes lie in the package."""
    stored = (bundle / "coreml/model.mlpackage/Data/com.apple.CoreML/weights/weight.bin").read_bytes()
    convolutions = [module for module in tiny_bundle.network().modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) > 5
    assert [module for module in convolutions if module.weight.detach().numpy().tobytes() not in stored] == []
    (block,) = specification.mlProgram.functions["main"].block_specializations.values()
    kinds = [operation.type for operation in block.operations]
    assert kinds.count("conv") >= 2 * len(convolutions)  # the image and its mirror image
    assert kinds[-1] in ("softmax", "cast", "identity")


def test_it_is_the_same_bytes_from_another_process_and_tells_nothing_of_this_machine(
    bundle: Path, tmp_path: Path
) -> None:
    root = Path(__file__).resolve().parents[3]
    variables = os.environ | {"PYTHONPATH": str(root), "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", WRITE, str(tmp_path / "again")]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    files = [file for file in (bundle / "coreml").rglob("*") if file.is_file()]
    assert len(files) == 3
    before = [file.read_bytes() for file in files]
    specification_of(bundle)
    assert [file.read_bytes() for file in files] == before  # coremltools writes where it only reads
    for file in files:
        content = file.read_bytes()
        assert (tmp_path / "again" / file.relative_to(bundle)).read_bytes() == content, file.name
        assert str(bundle.parent).encode() not in content


def test_padding_that_depends_on_the_size_is_converted(tmp_path: Path) -> None:
    """As TensorFlow pads, and so the default network."""
    description = tiny_bundle.DESCRIPTION.model_copy(
        update={"backbone": "tf_mobilenetv3_small_minimal_100", "layers": ["blocks.1"], "folded": False}
    )
    network, decision = tiny_bundle.network(description), Decision()
    exported = formats.Exported(network, description, Square(SIZE), decision, tmp_path, {"classes": ["a", "b", "c"]})
    assert list(formats.write("coreml", tmp_path, exported)) == ["float"]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(coreml, "find_spec", lambda _: None)
    with pytest.raises(ExportError, match=r"coreml cannot be written: coremltools is not installed \(`pip install 'gr"):
        write(tmp_path / "bundle")


def test_what_the_converter_does_not_know_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("no function for op 'odd'")

    monkeypatch.setattr("coremltools.convert", refuse)
    with pytest.raises(ExportError, match="coremltools cannot convert the network: no function for op 'odd'"):
        write(tmp_path / "bundle")


def test_a_model_of_another_shape_is_refused(specification: Any) -> None:
    with pytest.raises(ExportError, match=r"made a model of .* \[1, 3\]\), where .* \[1, 4\]\) was asked for"):
        coreml._check(specification.description, SIZE, 4)


def test_formats_are_named() -> None:
    assert "coreml" in formats.NAMES
