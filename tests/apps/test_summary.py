"""One image is followed through every step, up to the one that fails."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.summary import is_failure, summarise
from graft.core import params
from graft.source.config import Source
from graft.source.dataset import fetch_dataset

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """params.yaml that takes labels from folders; there are no images yet."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return params.load(tmp_path / "params.yaml") | {"labels": {"rule": "folder"}}


def test_the_first_step_that_fails_ends_it(values: dict[str, Any], tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["summary"])
    assert done.output == "download    fails here: data/raw is absent; run `dvc repro download`\n"
    assert done.exit_code == 1

    folder = tmp_path / "set"
    for kind in ("cat", "dog"):
        (folder / kind).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8), (number, len(kind), ord(kind[0]))).save(folder / kind / f"{number}.png")
    fetch_dataset(Source(uri=str(folder), licence="CC0"), tmp_path / "data/raw", tmp_path / ".graft/downloads")
    (tmp_path / "corrections.csv").write_text("path,label,note\n")
    lines = list(summarise(values, "dog/1.png"))
    size = (folder / "dog/1.png").stat().st_size
    assert lines[:4] == [
        f"download    dog/1.png, {size} bytes, one of 8 images",
        "index       PNG RGB -> RGB 8 x 8, upright",
        "index       label 'dog', group ''",
        "presize     [1, 256, 256, 3] uint8, from 1 to 100",
    ]
    assert lines[-1] == "embed       fails here: models/backbone is absent; run `dvc repro download`"
    assert [is_failure(line) for line in lines[-2:]] == [False, True]

    (folder / "dog" / "1.png").write_bytes(b"no image")
    assert list(summarise(values, "dog/1.png"))[-1].startswith("index       fails here: not a")
