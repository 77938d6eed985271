"""The model that runs is the one that was exported."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.core.errors import BundleError, install
from graft.predict.bundle import read_metadata
from graft.predict.session import Session
from tests.predict.tiny_bundle import SIZE, model, write_bundle

PIXELS = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3)).astype(np.uint8)


def loaded(folder: Path, threads: int = 2, **changed: Any) -> Session:
    return Session(read_metadata(write_bundle(folder, **changed)), "float", threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_both_sessions_answer_alike(tmp_path: Path, threads: int) -> None:
    session = loaded(tmp_path, threads)
    means = PIXELS.astype(np.float64).mean((1, 2))
    expected = np.exp((means - 128) / 32) / np.exp((means - 128) / 32).sum(1, keepdims=True)
    np.testing.assert_allclose(session.run(PIXELS), expected, atol=1e-6)
    np.testing.assert_array_equal(session.run_serial(PIXELS), session.run(PIXELS))


def test_another_digest_is_refused_before_what_is_wrong_with_it(tmp_path: Path) -> None:
    metadata = read_metadata(write_bundle(tmp_path, sha256="abc"))
    (tmp_path / "model.onnx").write_bytes(model()[:-10])
    with pytest.raises(BundleError, match=r"model.onnx: its sha256 is [0-9a-f]{64}, not the abc expected; it was dam"):
        Session(metadata, "float", 1)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    metadata = read_metadata(write_bundle(tmp_path, sha256=None))
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(BundleError, match=r"model.onnx: onnxruntime cannot load it: "):
        Session(metadata, "float", 1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"classes": ["a", "b"]},
            r"has \{'probabilities': \['batch', 3\]\} where graft.json promises probabilities \[batch",
        ),
        ({"presize": {"size": 9}}, r"has \{'pixels': .* where graft.json promises pixels \[batch, 9, 9, 3\]; export"),
        ({"input": {"name": "x"}}, r"promises x \[batch, 8, 8, 3\]"),
        ({"output": {"name": "y"}}, r"promises y \[batch, 3\]"),
    ],
)
def test_metadata_of_another_model_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        loaded(tmp_path, **changed)


@pytest.mark.parametrize("digest", [None, "known"])
def test_a_model_exchanged_after_it_was_loaded_is_not_mixed_with_it(tmp_path: Path, digest: str | None) -> None:
    changed: dict[str, Any] = {} if digest else {"sha256": None}
    session = loaded(tmp_path, **changed)
    (tmp_path / "model.onnx").write_bytes(model("Sigmoid"))
    with pytest.raises(BundleError, match="damaged or exchanged since it was exported or loaded"):
        session.run_serial(PIXELS)
    assert session.run(PIXELS).sum() == pytest.approx(len(PIXELS))  # what is loaded goes on
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"model.onnx: cannot be read: No such file"):
        session.run_serial(PIXELS)


def test_without_onnxruntime_the_extra_is_named(bundle: Path) -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from graft.predict import Predictor\n"
        "try: Predictor(sys.argv[1])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, bundle], capture_output=True, text=True, check=True)
    assert done.stdout == f"BundleError onnxruntime is not installed: {install('predict')}\n"
