"""A folder with an image and params.yaml, before and after fine-tuning."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from graft.core import params
from graft.network.features import Features
from graft.network.head import Head, save
from graft.network.network import Network
from tests.conftest import Draw
from tests.network.tiny_network import TINY, tiny_body

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, draw: Draw) -> dict[str, Any]:
    """A folder with params.yaml and a picture; nothing is trained."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    draw(0, 60, 40).save(tmp_path / "cat.png")
    return params.load(tmp_path / "params.yaml") | {
        "embed": {"size": 64, "layers": [], "pools": ["mean"]},
        "presize": {"size": 72},
    }


@pytest.fixture
def finetuned(tmp_path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The same folder with a tiny network fine-tuned."""
    torch.manual_seed(0)
    description = TINY.model_copy(update={"classes": ["dark", "light"], "size": 64})
    folder = tmp_path / "models" / "finetuned"
    folder.mkdir(parents=True)
    save(folder, Network(Features(tiny_body(), [], ["mean"]), Head(256, 2), description), description)
    return values
