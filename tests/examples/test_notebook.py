"""The notebook runs from top to bottom and shows what it promises: here with a tiny network."""

import shlex
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from tests.examples.recipe_images import ROOT
from tests.pipeline.conftest import environment, write_weights

FILE = ROOT / "examples/notebook.ipynb"
SETTINGS = "dvc exp run "
"""What stands before the settings in the cell that makes them."""
TINY = (
    "backbone.name=test_efficientnet",
    "backbone.sha256=null",
    "embed.layers=[blocks.3]",
    "finetune.freeze=[conv_stem]",
    "finetune.epochs=2",
    "train_head.epochs=5",
)


def notebook() -> NotebookNode:
    found: NotebookNode = nbformat.reads(FILE.read_text(encoding="utf-8"), nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    return found


def test_it_is_committed_without_outputs() -> None:
    for cell in notebook().cells:
        assert cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[NotebookNode]]:
    """What each cell of code shows, by its text, once all have run; the first that fails ends this."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@example.org")
    write_weights(tmp_path / "tiny.safetensors")
    book = notebook()
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    (settings,) = [cell for cell in cells if SETTINGS in cell.source]
    tiny = (*TINY, f"backbone.weights={tmp_path / 'tiny.safetensors'}")
    settings.source = settings.source.replace(SETTINGS, SETTINGS + "".join(f"-S {shlex.quote(one)} " for one in tiny))
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    return {cell.source: cell.outputs for cell in cells}


def shown(outputs: dict[str, list[NotebookNode]], cell: str, kind: str = "text/plain") -> str:
    """The result of a cell, in one of the forms that a notebook has it in."""
    (found,) = [output.data for output in outputs[cell] if output.output_type == "execute_result"]
    return str(found[kind])


@pytest.mark.slow
def test_it_runs_and_shows_images_and_tables(outputs: dict[str, list[NotebookNode]]) -> None:
    figures = [cell for cell in outputs if cell.startswith("project.figure(")]
    names = ["show/batch", "lr-find/head", "report/training", "report/confusion", "report/top_losses", "report/cam"]
    assert {f'project.figure("{name}")' for name in names} <= {*figures}
    for cell in figures:
        with Image.open(BytesIO(b64decode(shown(outputs, cell, "image/png")))) as image:
            assert min(image.size) > 100, cell
            assert len(np.unique(np.asarray(image.convert("L")))) > 10, cell  # no empty sheet
    metrics = 'project.metrics[["meaning", "value", "low", "high", "head_value"]]'
    assert "accuracy (top-1)" in shown(outputs, metrics, "text/html")
    rows = shown(outputs, "project.classes").splitlines()[2:]
    assert [row.split()[0] for row in rows] == [str(digit) for digit in range(10)]
    confused = next(cell for cell in outputs if "value_counts" in cell)
    assert "predicted" in shown(outputs, confused)
    (prediction,) = [shown(outputs, cell) for cell in outputs if ".predict(" in cell]
    assert prediction.startswith("Prediction(label='")
    (weights,) = [shown(outputs, cell) for cell in outputs if "project.network" in cell]
    assert int(weights) > 10_000
