"""A bucket as the only shared state: what one clone pushes, others pull, and train nothing again."""

import os
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from graft.apps.serve.config import Settings
from graft.predict.predictor import Predictor
from tests.apps.serve.live import head, live, talk
from tests.pipeline.conftest import dvc, edit_params, environment, git, stages_run

pytestmark = pytest.mark.slow

BUCKET = "graft-tests"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a server of this machine that answers as S3 does, with an empty bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"ACCESS_KEY_ID": "tests", "SECRET_ACCESS_KEY": "tests", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    # what the server holds belongs to the process, so that an earlier test's bucket would be here still
    urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST")).close()
    fsspec.filesystem("s3", endpoint_url=address, skip_instance_cache=True).mkdir(BUCKET)
    yield address
    server.stop()


def share(project: Path, endpoint: str) -> None:
    """Have DVC keep its data in the bucket, as the documentation says."""
    dvc(project, "remote", "add", "--default", "bucket", f"s3://{BUCKET}/cache")
    dvc(project, "remote", "modify", "bucket", "endpointurl", endpoint)
    git(project, "commit", "-qam", "Keep data in the bucket")
    dvc(project, "push")


def clone(project: Path, folder: Path) -> Path:
    git(project.parent, "clone", "-q", str(project), str(folder))
    for key, value in (("user.name", "test"), ("user.email", "test@example.org")):
        git(folder, "config", key, value)
    return folder


def graft(project: Path, *words: str) -> str:
    command = [sys.executable, "-m", "graft", *words]
    done = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_clone_pulls_and_goes_on_without_training(project: Path, endpoint: str, tmp_path: Path) -> None:
    share(project, endpoint)
    second = clone(project, tmp_path / "second")
    assert not (second / "models/finetuned").exists()
    dvc(second, "pull")
    assert stages_run(dvc(second, "repro")) == set()

    lock = (second / "dvc.lock").read_bytes()
    assert stages_run(dvc(second, "repro", "--force", "--single-item", "evaluate")) == {"evaluate"}
    assert (second / "dvc.lock").read_bytes() == lock
    assert "can't tell" in graft(second, "compare")

    rows = pd.read_csv(second / "reports/evaluate/predictions.csv", dtype=str).set_index("path")
    path = rows.index[0]
    graft(second, "predict", str(project / "pictures" / path), "--out", "told.csv")
    assert list(pd.read_csv(second / "told.csv", dtype=str)["label"]) == [rows["predicted"][path]]
    content = (second / "pictures" / path).read_bytes()
    with live(Predictor(second / "models/export"), Settings()) as port:
        answer = talk(port, head(Content_Type="image/png", Content_Length=len(content)), content)
    assert f'"{rows["predicted"][path]}"'.encode() in answer


def test_an_experiment_travels_through_git_and_the_bucket(project: Path, endpoint: str, tmp_path: Path) -> None:
    share(project, endpoint)
    second, third = (clone(project, tmp_path / name) for name in ("second", "third"))
    ran = stages_run(dvc(second, "exp", "run", "--pull", "--name", "plain", "-S", "evaluate.calibrate=false"))
    assert ran == {"evaluate", "report", "export"}
    dvc(second, "exp", "push", "origin", "plain")

    dvc(third, "exp", "pull", "origin", "plain")
    dvc(third, "exp", "apply", "plain")
    assert (third / "reports/report.html").read_bytes() == (second / "reports/report.html").read_bytes()
    assert stages_run(dvc(third, "repro", "--pull")) == set()
    assert "evaluate.calibrate" in graft(third, "compare", "HEAD", "plain")


def test_images_come_from_the_bucket(
    project: Path, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for image in sorted((project / "pictures").rglob("*.png")):
            file.write(image, image.relative_to(project / "pictures"))
    fsspec.filesystem("s3", endpoint_url=endpoint).put_file(str(archive), f"{BUCKET}/pictures.zip")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert "AWS_ENDPOINT_URL" in os.environ
    edit_params(project, source={"uri": f"s3://{BUCKET}/pictures.zip", "licence": "CC0"})
    assert stages_run(dvc(project, "repro", "download@dataset")) == {"download"}
    names = {image.relative_to(project / "data/raw").as_posix() for image in (project / "data/raw").rglob("*.png")}
    assert names == {image.relative_to(project / "pictures").as_posix() for image in project.glob("pictures/*/*.png")}
