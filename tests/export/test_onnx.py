"""The exported model answers as the network does, in eight bits nearly so, and holds no trace of this machine."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from graft.data.arrays import ImageRows
from graft.export.onnx import calibration_images, export_onnx, quantise
from graft.network.network import Network
from graft.tasks import Decision, MultiLabel, SingleLabel, Task
from tests.export import tiny_bundle

pytestmark = pytest.mark.slow

SIZE, VIEW = 40, 32
DESCRIPTION = tiny_bundle.DESCRIPTION.model_copy(
    update={"standardise": True, "layers": ["blocks.3"], "pools": ["mean", "max"]}
)
ONE, SEVERAL = SingleLabel(DESCRIPTION.classes), MultiLabel(DESCRIPTION.classes)


@pytest.fixture(scope="module")
def network() -> Network:
    """Its answers are neither sure nor all alike."""
    return tiny_bundle.network(DESCRIPTION)


def exported(network: Network, folder: Path, task: Task = ONE, decision: Decision | None = None) -> Path:
    file = folder / "model.onnx"
    export_onnx(network, task, VIEW, SIZE, decision or Decision(), file)
    return file


@pytest.fixture(scope="module")
def model(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(network, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def quantised(model: Path) -> Path:
    file = model.with_name("model.int8.onnx")
    quantise(model, iter([pixels(16), pixels(16, seed=1)]), file)
    return file


def pixels(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)


def views(count: int) -> torch.Tensor:
    """What the network sees of `pixels`."""
    scaled = torch.from_numpy(pixels(count)).permute(0, 3, 1, 2).float() / 255
    return torch.nn.functional.interpolate(scaled, (VIEW, VIEW), mode="bilinear")


def run(model: Path, images: np.ndarray) -> np.ndarray:
    found: np.ndarray = onnxruntime.InferenceSession(model).run(["probabilities"], {"pixels": images})[0]
    return found


@pytest.mark.parametrize("count", [1, 2, 7])
def test_it_agrees_with_torch_for_any_number_of_images(network: Network, model: Path, count: int) -> None:
    actual = run(model, pixels(count))
    with torch.inference_mode():
        expected = torch.softmax(network(views(count)), 1).numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert expected.max() < 0.95  # an agreement of certainties would prove little


def test_it_averages_flips_at_a_temperature(network: Network, tmp_path: Path) -> None:
    model = exported(network, tmp_path, decision=Decision(tta=["none", "horizontal"], temperature=2.5))
    with torch.inference_mode():
        logits = (network(views(3)) + network(views(3).flip(3))) / 2
    expected = torch.softmax(logits / 2.5, 1).numpy()
    assert np.abs(expected - torch.softmax(logits, 1).numpy()).max() > 1e-3
    np.testing.assert_allclose(run(model, pixels(3)), expected, atol=1e-5)


def test_several_labels_end_in_a_sigmoid(network: Network, tmp_path: Path) -> None:
    model = exported(network, tmp_path, SEVERAL)
    with torch.inference_mode():
        expected = torch.sigmoid(network(views(5))).numpy()
    np.testing.assert_allclose(run(model, pixels(5)), expected, atol=1e-5)
    assert onnx.load(model).graph.node[-1].op_type == "Sigmoid"


def test_it_bears_no_trace_of_where_it_was_made(model: Path) -> None:
    proto = onnx.load(model)
    assert not proto.metadata_props
    for entry in (*proto.graph.node, *proto.graph.initializer, *proto.graph.value_info):
        assert not entry.doc_string
        assert not entry.metadata_props
    for trace in (b".py", b"/home", str(Path.cwd()).encode()):
        assert trace not in model.read_bytes()


def test_convolutions_are_in_eight_bits(model: Path, quantised: Path) -> None:
    weights = [tensor for tensor in onnx.load(quantised).graph.initializer if len(tensor.dims) == 4]
    assert {tensor.data_type for tensor in weights if tensor.dims[0] > 1} == {onnx.TensorProto.INT8}
    assert quantised.stat().st_size < 0.6 * model.stat().st_size


def test_eight_bits_answer_nearly_the_same(model: Path, quantised: Path) -> None:
    exact, rounded = run(model, pixels(64, seed=2)), run(quantised, pixels(64, seed=2))
    assert 0 < np.abs(exact - rounded).mean() < 0.05
    np.testing.assert_allclose(rounded.sum(1), 1, atol=1e-5)


def test_eight_bits_twice_are_the_same_bytes(model: Path, quantised: Path, tmp_path: Path) -> None:
    quantise(model, iter([pixels(16), pixels(16, seed=1)]), tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == quantised.read_bytes()
    assert str(quantised.parent).encode() not in quantised.read_bytes()


def test_calibration_images_are_drawn_among_the_rows_and_alike_each_time(tmp_path: Path) -> None:
    shades = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None, None], (60, 2, 2, 3))
    np.save(tmp_path / "pixels.npy", shades)
    (tmp_path / "rows.csv").write_text("path\n" + "".join(f"{number}\n" for number in range(60)))
    images, rows = ImageRows(tmp_path / "pixels.npy"), np.arange(0, 60, 2)

    def drawn(count: int) -> list[int]:
        batches = list(calibration_images(images, rows, count))
        assert all(len(batch) <= 16 for batch in batches)
        return [int(image[0, 0, 0]) for batch in batches for image in batch]

    chosen = drawn(20)
    assert chosen == drawn(20) == sorted(set(chosen))
    assert len(chosen) == 20
    assert set(chosen) < set(rows.tolist())
    assert drawn(1000) == rows.tolist()
