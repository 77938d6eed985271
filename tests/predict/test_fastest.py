"""The faster runtime is measured once, told once, and remembered."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from graft.core.errors import BundleError
from graft.core.files import sha256
from graft.predict import fastest
from graft.predict.prediction import Prediction
from graft.predict.predictor import Predictor
from graft.predict.runtimes import import_openvino
from tests.predict.tiny_bundle import SIZE, paint, write_bundle

PIXELS = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with its model for OpenVINO, too."""
    folder = write_bundle(tmp_path_factory.mktemp("openvino") / "bundle")
    openvino = import_openvino()
    openvino.save_model(openvino.Core().read_model(folder / "model.onnx"), folder / "model.xml")
    files = ["model.xml", "model.bin"]
    digests = {name: sha256(folder / name) for name in ("model.onnx", *files)}
    return write_bundle(folder, sha256=digests, formats={"openvino": {"float": files}})


@pytest.fixture
def bundle(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(shutil.copytree(written, tmp_path / "bundle"))


def test_both_runtimes_answer_alike_for_one_and_for_many(bundle: Path) -> None:
    exact, other = (Predictor(bundle, runtime=name, threads=2) for name in ("onnxruntime", "openvino"))
    np.testing.assert_allclose(other.run(PIXELS), exact.run(PIXELS), atol=1e-6)
    np.testing.assert_allclose(other.run(PIXELS[:1]), exact.run(PIXELS[:1]), atol=1e-6)
    images = [paint(bundle.parent / f"{number}.png", 20 * number, 90, 140) for number in range(9)]
    expected = [exact.predict(image).label for image in images]
    found = [answer.label for answer in other.predict_many(images) if isinstance(answer, Prediction)]
    assert found == expected


@pytest.mark.parametrize(("gain", "expected"), [(1.5, "openvino"), (1.01, "onnxruntime"), (0.5, "onnxruntime")])
def test_the_faster_is_taken_told_once_and_remembered(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, gain: float, expected: str
) -> None:
    monkeypatch.setattr(fastest, "measure", lambda *_: [100.0, 100.0 * gain])
    assert Predictor(bundle, threads=1).runtime == expected
    assert f"openvino is {gain:.2f} times as fast as onnxruntime here: {expected} is used, also from now" in caplog.text
    monkeypatch.setattr(fastest, "measure", lambda *_: pytest.fail("it was measured again"))
    caplog.clear()
    assert Predictor(bundle, threads=1).runtime == expected
    assert caplog.text == ""
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        Predictor(bundle, threads=2)  # which is another question


def test_what_cannot_be_remembered_is_told(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fastest, "measure", lambda *_: [100.0, 300.0])
    (bundle.parent / "cache").write_text("no folder")
    assert Predictor(bundle, threads=1).runtime == "openvino"
    assert "measured again next time, for" in caplog.text


def test_a_memory_that_is_damaged_is_told_and_replaced(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fastest, "measure", lambda *_: [100.0, 300.0])
    fastest.remembered().parent.mkdir(parents=True)
    fastest.remembered().write_text("{")
    assert Predictor(bundle, threads=1).runtime == "openvino"
    assert "cannot be read, so that runtimes are measured again" in caplog.text
    assert list(json.loads(fastest.remembered().read_text()).values()) == [True]


def test_it_is_really_measured(bundle: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert Predictor(bundle, threads=1).runtime in ("onnxruntime", "openvino")
    assert "times as fast as onnxruntime here" in caplog.text


def test_without_the_format_or_the_package_onnxruntime_is_used(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Predictor(write_bundle(tmp_path / "plain")).runtime == "onnxruntime"
    monkeypatch.setattr(fastest, "find_spec", lambda _: None)
    assert Predictor(bundle).runtime == "onnxruntime"
    monkeypatch.setattr("graft.predict.runtimes.find_spec", lambda _: None)
    with pytest.raises(BundleError, match=r"openvino is not installed: `pip install 'graft-vision\[openvino\]'`"):
        Predictor(bundle, runtime="openvino")


def test_a_file_of_the_model_that_was_exchanged_is_refused(bundle: Path) -> None:
    (bundle / "model.bin").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"model.bin: its sha256 is [0-9a-f]{64}, not the"):
        Predictor(bundle, runtime="openvino")
