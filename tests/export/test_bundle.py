"""The bundle answers as the network does, holds no trace of this machine, and is the same bytes twice."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from graft.network.network import Network
from graft.predict.predictor import Predictor
from graft.tasks.decision import Decision
from tests.export import made
from tests.export.made import STORY, bundled

SIZE, VIEW = 40, 32
DESCRIPTION = made.DESCRIPTION.model_copy(
    update={"standardise": True, "layers": ["blocks.3"], "pools": ["mean", "max"]}
)


@pytest.fixture(scope="module")
def network() -> Network:
    """Its answers are neither sure nor all alike."""
    return made.network(DESCRIPTION)


@pytest.fixture(scope="module")
def bundle(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    bundled(folder, network, DESCRIPTION, SIZE)
    return folder


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, SIZE, SIZE, 3)).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_graph_agrees_with_torch_for_any_number_of_images(network: Network, bundle: Path, count: int) -> None:
    said = Predictor(bundle).run(pixels(count))
    views = torch.nn.functional.interpolate(
        torch.from_numpy(pixels(count)).permute(0, 3, 1, 2).float() / 255, (VIEW, VIEW), mode="bilinear"
    )
    with torch.inference_mode():
        wanted = torch.softmax(network(views), 1).numpy()
    np.testing.assert_allclose(said, wanted, atol=1e-5)
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-5)
    assert wanted.max() < 0.95  # an agreement of certainties would prove little


def test_same_network_gives_the_same_bytes(network: Network, bundle: Path, tmp_path: Path) -> None:
    bundled(tmp_path, network, DESCRIPTION, SIZE)
    for file in bundle.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_graph_bears_no_trace_of_where_it_was_made(bundle: Path) -> None:
    model = onnx.load(bundle / "model.onnx")
    assert not model.metadata_props
    for entry in (*model.graph.node, *model.graph.initializer, *model.graph.value_info):
        assert not entry.doc_string
        assert not entry.metadata_props
    content = (bundle / "model.onnx").read_bytes()
    for trace in (b".py", b"/home", str(Path.cwd()).encode()):
        assert trace not in content


def test_bundle_describes_itself(bundle: Path) -> None:
    facts = json.loads((bundle / "graft.json").read_text())
    assert facts["classes"] == ["a", "b", "c"]
    assert not {"multi_label", "threshold"} & set(facts)  # one label a picture goes without saying
    assert facts.items() >= STORY.items()
    assert (facts["format"], facts["abstain_below"], facts["models"]) == (2, None, {"float": "model.onnx"})
    assert facts["graph"] == {"view": VIEW, "flips": ["none"], "temperature": 1.0, "last": "softmax"}
    assert (bundle / "labels.txt").read_text() == "a\nb\nc\n"
    session = onnxruntime.InferenceSession(bundle / "model.onnx")
    (given,), (told,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == (facts["input"]["name"], "tensor(uint8)", facts["input"]["shape"])
    assert (told.name, told.shape[1]) == (facts["output"]["name"], 3)


def test_every_file_is_held_to_its_content(bundle: Path) -> None:
    lines = (bundle / "SHA256SUMS").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["README.md", "graft.json", "labels.txt", "model.onnx"]
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    assert json.loads((bundle / "graft.json").read_text())["sha256"] == {"model.onnx": lines[-1].split("  ")[0]}


def test_the_graph_averages_flips_at_a_temperature(network: Network, tmp_path: Path) -> None:
    decision = Decision(flips=["none", "horizontal"], temperature=2.5, abstain_below=0.4)
    facts = bundled(tmp_path, network, DESCRIPTION, SIZE, decision)
    assert (facts["abstain_below"], facts["graph"]["temperature"]) == (0.4, 2.5)
    views = torch.nn.functional.interpolate(
        torch.from_numpy(pixels(3)).permute(0, 3, 1, 2).float() / 255, (VIEW, VIEW), mode="bilinear"
    )
    with torch.inference_mode():
        logits = (network(views) + network(views.flip(3))) / 2
    wanted = torch.softmax(logits / 2.5, 1).numpy()
    assert np.abs(wanted - torch.softmax(logits, 1).numpy()).max() > 1e-3
    np.testing.assert_allclose(Predictor(tmp_path).run(pixels(3)), wanted, atol=1e-5)


def test_predictor_reads_a_file_upright(bundle: Path, tmp_path: Path) -> None:
    image = Image.fromarray(pixels(1)[0])
    turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    found = Predictor(bundle).predict(tmp_path / "turned.png")
    wanted = Predictor(bundle).run(pixels(1))[0]
    assert found.label == "abc"[int(wanted.argmax())]
    assert found.labels == (found.label,)
    np.testing.assert_allclose([found.probabilities[name] for name in "abc"], wanted, atol=1e-6)


SEVERAL = DESCRIPTION.model_copy(update={"multi_label": True})


@pytest.fixture(scope="module")
def several(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the same network, asked which of the classes hold."""
    folder = tmp_path_factory.mktemp("several")
    bundled(folder, network, SEVERAL, SIZE)
    return folder


def test_graph_of_several_labels_ends_in_a_sigmoid(network: Network, bundle: Path, several: Path) -> None:
    views = torch.nn.functional.interpolate(
        torch.from_numpy(pixels(5)).permute(0, 3, 1, 2).float() / 255, (VIEW, VIEW), mode="bilinear"
    )
    with torch.inference_mode():
        wanted = torch.sigmoid(network(views)).numpy()
    np.testing.assert_allclose(Predictor(several).run(pixels(5)), wanted, atol=1e-5)
    last = [onnx.load(folder / "model.onnx").graph.node[-1].op_type for folder in (bundle, several)]
    assert last == ["Softmax", "Sigmoid"]
    facts = json.loads((several / "graft.json").read_text())
    assert (facts["multi_label"], facts["threshold"], facts["classes"]) == (True, 0.5, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("chances", "label", "labels"),
    [([0.5, 0.49, 0.9], "c", ("a", "c")), ([0.1, 0.2, 0.3], None, ()), ([0.7, 0.6, 0.5], "a", ("a", "b", "c"))],
    ids=["some", "none", "all"],
)
def test_predictor_gives_the_labels_that_hold(
    several: Path, tmp_path: Path, chances: list[float], label: str | None, labels: tuple[str, ...]
) -> None:
    class Answering(Predictor):
        """Says the same of every picture."""

        def run(self, pixels: np.ndarray) -> np.ndarray:
            return np.asarray([chances] * len(pixels), dtype=np.float32)

    Image.fromarray(pixels(1)[0]).save(tmp_path / "x.png")
    found = Answering(several).predict(tmp_path / "x.png")
    assert Answering(several).multi_label
    assert (found.label, found.labels) == (label, labels)
    assert found.probabilities == pytest.approx(dict(zip("abc", chances, strict=True)))
