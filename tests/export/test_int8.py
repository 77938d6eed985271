"""The graph in eight bits answers nearly as the exact one does."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from graft.export.bundle import GRAPH, INT8
from graft.export.int8 import quantise
from graft.predict.predictor import Predictor
from tests.export.made import DESCRIPTION, bundled, network


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with both graphs."""
    folder = tmp_path_factory.mktemp("bundle")
    bundled(folder, network(), DESCRIPTION, 32)
    quantise(folder / GRAPH, iter([pixels(0, 16), pixels(1, 16)]), folder / INT8)
    return folder


def pixels(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def test_convolutions_are_in_eight_bits(bundle: Path) -> None:
    graph = onnx.load(bundle / INT8).graph
    weights = [tensor for tensor in graph.initializer if len(tensor.dims) == 4 and tensor.dims[0] > 1]
    kinds = {tensor.data_type for tensor in weights}
    assert kinds == {onnx.TensorProto.INT8}
    assert (bundle / INT8).stat().st_size < 0.6 * (bundle / GRAPH).stat().st_size


def test_answers_are_nearly_the_same(bundle: Path) -> None:
    exact, rounded = (Predictor(bundle).run(pixels(2, 64)), _run(bundle / INT8, pixels(2, 64)))
    gap = np.abs(exact - rounded)
    assert 0 < gap.mean() < 0.05
    np.testing.assert_allclose(rounded.sum(1), 1, atol=1e-5)


def _run(graph: Path, given: np.ndarray) -> np.ndarray:
    import onnxruntime

    found: np.ndarray = onnxruntime.InferenceSession(graph).run(["probabilities"], {"pixels": given})[0]
    return found


def test_twice_is_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    quantise(bundle / GRAPH, iter([pixels(0, 16), pixels(1, 16)]), tmp_path / INT8)
    assert (tmp_path / INT8).read_bytes() == (bundle / INT8).read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / INT8).read_bytes()
