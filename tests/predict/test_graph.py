"""The graph that runs is the one that was exported."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graft.errors import BundleError
from graft.predict.graph import Graph
from tests.predict.tiny import SIZE, graph

NAMES = ("pixels", "probabilities")
PIXELS = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3)).astype(np.uint8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(graph())
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("threads", [1, 2])
def test_both_sessions_say_the_same(file: Path, threads: int) -> None:
    made = Graph(file, hashlib.sha256(file.read_bytes()).hexdigest(), NAMES, threads)
    means = PIXELS.astype(np.float64).mean((1, 2))
    wanted = np.exp((means - 128) / 32) / np.exp((means - 128) / 32).sum(1, keepdims=True)
    np.testing.assert_allclose(made.run(PIXELS), wanted, atol=1e-6)
    np.testing.assert_array_equal(made.run_beside(PIXELS), made.run(PIXELS))


def test_another_digest_is_refused_before_what_is_wrong_with_it(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(BundleError, match=r"model.onnx: its sha256 is [0-9a-f]{64}, not the abc expected; it was dam"):
        Graph(file, "abc", NAMES, 1)


def test_what_is_no_graph_is_refused(file: Path) -> None:
    file.write_bytes(b"no graph")
    with pytest.raises(BundleError, match=r"model.onnx: onnxruntime cannot load it: "):
        Graph(file, None, NAMES, 1)


def test_a_graph_exchanged_after_it_was_loaded_is_not_mixed_with_it(file: Path) -> None:
    made = Graph(file, None, NAMES, 2)
    file.write_bytes(graph("Sigmoid"))
    with pytest.raises(BundleError, match="damaged or exchanged since it was exported or loaded"):
        made.run_beside(PIXELS)
    assert made.run(PIXELS).sum() == pytest.approx(len(PIXELS))  # what is loaded goes on


def test_without_onnxruntime_the_extra_is_named(file: Path) -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None; from pathlib import Path\n"
        "from graft.predict.graph import Graph\n"
        "try: Graph(Path(sys.argv[1]), None, ('a', 'b'), 1)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, check=True)
    assert done.stdout == "BundleError onnxruntime is not installed: `pip install graft[predict]`\n"
