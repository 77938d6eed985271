"""A run and a registered model on a real server; another environment, without torch, answers the same."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from graft.apps.publish.mlflow import LONGEST, figures, flat, publish
from graft.core.errors import GraftError
from graft.predict.predictor import Predictor
from graft.predict.pyfunc import COLUMN, Classifier
from tests.export.tiny_bundle import RECORD
from tests.predict.tiny_bundle import paint

SERVER = "GRAFT_TEST_MLFLOW"
"""Variable that holds the `bin` folder of an environment with the whole of mlflow, onnxruntime and Pillow."""

LOAD = """
import importlib.util, json, sys
import mlflow, pandas
assert importlib.util.find_spec("torch") is None
images = [open(name, "rb").read() for name in sys.argv[2:]]
print(json.dumps(mlflow.pyfunc.load_model(sys.argv[1]).predict(pandas.DataFrame({"image": images}))))
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real `mlflow server` on loopback.

    Yields:
        The folder of its programs.
    """
    if not os.environ.get(SERVER):
        pytest.skip(f"{SERVER} names no environment with a whole mlflow")
    programs, home = Path(os.environ[SERVER]), tmp_path / "server"
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words: list[str | Path] = [
        programs / "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    words += ["--backend-store-uri", f"sqlite:///{home}/db", "--artifacts-destination", str(home / "artifacts")]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        for _ in range(240):
            try:
                urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (home / "log").read_text()
                time.sleep(0.5)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        yield programs
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # mlflow's own
def test_it_is_registered_and_answers_the_same_elsewhere(server: Path, project: Path) -> None:
    first, second = publish(Path("models/export"), "cells"), publish(Path("models/export"), "cells")
    assert list(first)[1].startswith("version 1 of model cells: mlflow.pyfunc.load_model('models:/cells/1')")
    lines = list(second)
    assert lines[1].startswith("version 2 of model cells")
    import mlflow

    run = mlflow.get_run(lines[0].split()[1])
    assert run.data.params == {"lr": "0.001", "embed.size": "224", "embed.layers": "[]"}
    assert run.data.metrics == figures(RECORD)
    assert [file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)] == ["report.html"]
    images = [paint(project / "a.png", 200, 50, 50), paint(project / "b.png", 40, 160, 90)]
    (project / "c.png").write_bytes(b"no image")
    words: list[str | Path] = [server / "python", "-c", LOAD, "models:/cells/2", *images, project / "c.png"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=project / "server", env=environment, check=False)
    assert done.returncode == 0, done.stderr
    *answers, failure = json.loads(done.stdout.splitlines()[-1])
    predictor = Predictor("models/export")
    for image, answer in zip(images, answers, strict=True):
        expected = predictor.predict(image)
        assert answer["label"] == expected.label
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    assert (failure["label"], failure["probabilities"]) == (None, {})
    assert "not a picture" in failure["error"]


def test_a_model_takes_bytes(project: Path) -> None:
    red = paint(project / "a.png", 200, 50, 50).read_bytes()
    good, bad = Classifier(Path("models/export")).predict({COLUMN: [red, b"?"]})
    assert (good["label"], good["labels"], good["error"]) == ("red", ["red"], None)
    assert good["probability"] == pytest.approx(0.98, abs=0.01)
    assert bad["label"] is None
    assert bad["error"]


def test_without_a_server_or_a_run_it_says_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(GraftError, match="MLFLOW_TRACKING_URI is not set: name the server"):
        list(publish(Path("models/export"), "cells"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    (project / "dvc.lock").unlink()
    with pytest.raises(GraftError, match="absent: run `dvc repro`"):
        list(publish(Path("models/export"), "cells"))


def test_params_are_flat_texts() -> None:
    assert flat({"a": {"b": [1, None], "c": {}}, "d": "x"}) == {"a.b": "[1, null]", "a.c": "{}", "d": "x"}
    assert len(flat({"a": "x" * 9000})["a"]) == LONGEST


def test_figures_have_their_intervals() -> None:
    said = {"metrics": RECORD["metrics"], "cross_validated": {"images": 29, "accuracy": 0.8, "accuracy_low": None}}
    assert figures(said) == {
        "accuracy": 0.75,
        "accuracy_low": 0.5,
        "accuracy_high": 0.9,
        "cross_validated_images": 29.0,
        "cross_validated_accuracy": 0.8,
    }
