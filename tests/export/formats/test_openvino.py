"""OpenVINO gives what ONNX gives, from files that are the same each time and say how they are used."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from graft.core.errors import ExportError
from graft.export import formats
from graft.export.config import Export, Int8
from graft.export.formats.openvino import QUANTISED
from graft.images.decode import Square
from graft.predict.predictor import Predictor
from graft.predict.runtimes import import_openvino
from graft.tasks import Decision
from tests.export import tiny_bundle

pytestmark = pytest.mark.slow

SIZE = 40


def pixels(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def calibration(_: int) -> Iterator[NDArray[np.uint8]]:
    yield from (pixels(16, seed=1), pixels(16, seed=2))


def write(folder: Path) -> Path:
    folder.mkdir()
    config = Export(formats=["openvino"], int8=Int8())
    decision = Decision(tta=["none", "horizontal"], temperature=1.5)
    network, description = tiny_bundle.network(), tiny_bundle.DESCRIPTION
    tiny_bundle.write_bundle(
        folder, network, description, Square(SIZE), decision, config, calibration, tiny_bundle.RECORD
    )
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("bundle") / "bundle")


@pytest.mark.parametrize("count", [1, 3])
def test_it_gives_what_onnx_gives(bundle: Path, count: int) -> None:
    exact = Predictor(bundle, runtime="onnxruntime", threads=2).run(pixels(count))
    assert exact.max() < 0.95  # an agreement of certainties would prove little
    predictor = Predictor(bundle, runtime="openvino", threads=2)
    np.testing.assert_allclose(predictor.run(pixels(count)), exact, atol=1e-5)
    rounded = Predictor(bundle, runtime="openvino", precision="int8", threads=2).run(pixels(count))
    assert 0 < np.abs(rounded - exact).max() < 0.1


def test_its_convolutions_are_in_eight_bits(bundle: Path) -> None:
    model = import_openvino().Core().read_model(bundle / "openvino/model.int8.xml")
    convolutions = [node for node in model.get_ops() if node.get_type_name() in QUANTISED]
    assert len(convolutions) > 5
    assert {node.input_value(0).get_node().get_type_name() for node in convolutions} == {"FakeQuantize"}
    assert (bundle / "openvino/model.int8.bin").stat().st_size < 0.6 * (bundle / "openvino/model.bin").stat().st_size


def test_the_files_say_how_they_are_used(bundle: Path) -> None:
    said = json.loads((bundle / "graft.json").read_text())
    assert said["formats"]["openvino"] == {
        "float": ["openvino/model.xml", "openvino/model.bin"],
        "int8": ["openvino/model.int8.xml", "openvino/model.int8.bin"],
    }
    assert set(said["formats"]["openvino"]["int8"]) < said["sha256"].keys()
    for file, precision in (("model.xml", "float"), ("model.int8.xml", "int8")):
        model = import_openvino().Core().read_model(bundle / "openvino" / file)
        used: dict[str, Any] = json.loads(model.get_rt_info("graft").value)
        assert used["precision"] == precision
        for key in ("classes", "input", "presize", "graph", "abstain_below"):
            assert used[key] == said[key]
    assert "| `openvino/model.int8.xml` | openvino | int8 | " in (bundle / "README.md").read_text()


def test_they_are_the_same_bytes_each_time_and_tell_nothing_of_this_machine(bundle: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again")
    for file in (bundle / "openvino").iterdir():
        content = file.read_bytes()
        assert (again / "openvino" / file.name).read_bytes() == content, file.name
        assert str(bundle.parent).encode() not in content


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("graft.export.formats.openvino.find_spec", lambda name: None if name == "nncf" else name)
    with pytest.raises(ExportError, match=r"openvino cannot be written: nncf is not installed \(`pip install 'graft"):
        write(tmp_path / "bundle")


def test_nothing_is_reported_to_its_makers() -> None:
    code = (
        "import sys; from graft.predict.runtimes import import_openvino; import_openvino(); import nncf\n"
        "print(sys.modules['openvino_telemetry'], 'openvino_telemetry.main' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None False\n"


def test_formats_are_named() -> None:
    assert "openvino" in formats.NAMES
