"""The bundle describes itself, is the same bytes twice, and is all that a predictor needs."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from graft.images.decode import Square
from graft.images.depth import Depth
from graft.images.presize import PADDING
from graft.network.network import Network
from graft.predict.bundle import FORMAT
from graft.predict.predictor import Predictor
from graft.tasks import Decision
from tests.export.tiny_bundle import DESCRIPTION, RECORD, network, write_tiny_bundle

pytestmark = pytest.mark.slow

SIZE = 40


@pytest.fixture(scope="module")
def tiny() -> Network:
    return network()


@pytest.fixture(scope="module")
def bundle(tiny: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write_tiny_bundle(folder, tiny, DESCRIPTION, SIZE)
    return folder


def test_same_network_gives_the_same_bytes(tiny: Network, bundle: Path, tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path, tiny, DESCRIPTION, SIZE)
    for file in bundle.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_bundle_describes_itself(bundle: Path) -> None:
    metadata = json.loads((bundle / "graft.json").read_text())
    assert metadata["classes"] == ["a", "b", "c"]
    assert not {"multi_label", "threshold"} & set(metadata)  # one label an image goes without saying
    assert metadata.items() >= RECORD.items()
    assert (metadata["format"], metadata["abstain_below"], metadata["models"]) == (3, None, {"float": "model.onnx"})
    assert metadata["graph"] == {"size": 32, "tta": ["none"], "temperature": 1.0, "activation": "softmax"}
    assert (bundle / "labels.txt").read_text() == "a\nb\nc\n"
    session = onnxruntime.InferenceSession(bundle / "model.onnx")
    (pixels,), (output,) = session.get_inputs(), session.get_outputs()
    expected = (metadata["input"]["name"], "tensor(uint8)", metadata["input"]["shape"])
    assert (pixels.name, pixels.type, pixels.shape) == expected
    assert (output.name, output.shape[1]) == (metadata["output"]["name"], 3)


def test_several_labels_and_a_decision_are_described(tiny: Network, tmp_path: Path) -> None:
    several = DESCRIPTION.model_copy(update={"multi_label": True})
    decision = Decision(tta=["none", "horizontal"], temperature=2.5, abstain_below=0.4)
    metadata = write_tiny_bundle(tmp_path, tiny, several, SIZE, decision)
    assert (metadata["multi_label"], metadata["threshold"], metadata["abstain_below"]) == (True, 0.5, 0.4)
    graph = {"size": 32, "tta": ["none", "horizontal"], "temperature": 2.5, "activation": "sigmoid"}
    assert metadata["graph"] == graph
    assert Predictor(tmp_path).multi_label


@pytest.mark.parametrize(
    "square", [Square(40, 1.0), Square(40, padding=PADDING, depth=Depth((0, 4095)))], ids=["crop", "pad"]
)
def test_a_bundle_makes_the_squares_that_the_cache_has(tiny: Network, tmp_path: Path, square: Square) -> None:
    metadata = write_tiny_bundle(tmp_path, tiny, DESCRIPTION, square)
    assert metadata["format"] == (3 if square.padding is None else FORMAT)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    predictor = Predictor(tmp_path)
    assert predictor.square == square
    np.testing.assert_array_equal(predictor.pixels(tmp_path / "a.png"), square.read(tmp_path / "a.png"))


def test_every_file_is_held_to_its_content(bundle: Path) -> None:
    lines = (bundle / "SHA256SUMS").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["README.md", "graft.json", "labels.txt", "model.onnx"]
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    assert json.loads((bundle / "graft.json").read_text())["sha256"] == {"model.onnx": lines[-1].split("  ")[0]}


def test_predictor_reads_a_file_upright(bundle: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    turned = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    found = Predictor(bundle).predict(tmp_path / "turned.png")
    expected = Predictor(bundle).run(pixels[None])[0]
    assert found.label == "abc"[int(expected.argmax())]
    np.testing.assert_allclose([found.probabilities[name] for name in "abc"], expected, atol=1e-6)
