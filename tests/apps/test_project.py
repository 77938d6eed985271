"""A notebook's way to what the pipeline left: the committed reports of this repository, and small stored tables."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graft
from graft.core.errors import DataError
from tests.report.stored_features import paths, stored

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> graft.Project:
    """Four images, the last without a label."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "data/embeddings").mkdir(parents=True)
    stored(tmp_path / "data/embeddings", np.arange(8, dtype=np.float64).reshape(4, 2))
    names = paths(4)
    pd.DataFrame({"path": names, "sha256": list("abcd")}).to_csv(tmp_path / "data/images.csv", index=False)
    labels = pd.DataFrame({"path": names[:3], "label": ["dog", "cat", "dog"], "group": ""})
    labels.to_csv(tmp_path / "data/labels.csv", index=False)
    splits = labels[["path"]].assign(split=["train", "valid", "test"])
    splits.to_csv(tmp_path / "data/split.csv", index=False)
    return graft.Project(tmp_path)


def test_tables_are_by_path(project: graft.Project) -> None:
    names = paths(4)
    assert project.images.index.tolist() == names
    assert project.labels.index.tolist() == project.split.index.tolist() == names[:3]
    assert project.labels["label"].to_list() == ["dog", "cat", "dog"]
    assert project.split.to_list() == ["train", "valid", "test"]
    assert project.dataset.classes == ["cat", "dog"]
    assert project.embeddings.to_numpy()[3].tolist() == [6, 7]
    assert project.params["seed"] == 42


def test_what_was_measured_is_numbers() -> None:
    committed = graft.Project(ROOT)
    measured = committed.metrics.loc["accuracy"]
    assert measured["low"] < measured["value"] < measured["high"]
    predictions = committed.predictions
    assert (predictions["label"] == predictions["predicted"]).mean() == pytest.approx(measured["value"], abs=1e-6)
    assert predictions.filter(like="p_").sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-4)
    of_class = committed.classes
    assert of_class.index.tolist() == predictions.filter(like="p_").columns.str.removeprefix("p_").to_list()
    assert of_class["images"].tolist() == [(predictions["label"] == name).sum() for name in of_class.index]
    assert of_class["recall"].mean() == pytest.approx(committed.metrics.loc["balanced_accuracy", "value"], abs=1e-6)


def test_figures_are_images_by_name() -> None:
    committed = graft.Project(ROOT)
    assert {"report/confusion", "report/top_losses", "index/samples"} <= committed.figures.keys()
    assert committed.figure("report/confusion").width > 100
    with pytest.raises(DataError, match=r"no figure 'report/confusoin' \(did you mean 'report/confusion'\?\); there"):
        committed.figure("report/confusoin")


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("network", "finetune"),
        ("predictor", "export"),
        ("predictions", "evaluate"),
        ("metrics", "evaluate"),
        ("classes", "evaluate"),
    ],
)
def test_what_has_not_run_is_named(project: graft.Project, name: str, stage: str) -> None:
    with pytest.raises(DataError, match=rf"is absent; run `dvc repro {stage}`$"):
        getattr(project, name)


def test_a_folder_without_params_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no params.yaml, so it is no project of graft"):
        graft.Project(tmp_path)


def test_all_that_is_public_is_there_and_nothing_else() -> None:
    assert graft.__all__ == dir(graft) == ["Predictor", "Project", "__version__"]
    for name in graft.__all__:
        assert getattr(graft, name) is not None
    with pytest.raises(AttributeError, match=r"has no attribute 'Trainer'; it has Predictor, Project, __version__"):
        graft.Trainer  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "kept_out"),
    [
        ("import graft", {"numpy", "pandas", "torch", "PIL"}),
        ("import graft; graft.Predictor", {"pandas", "torch", "pydantic"}),
        ("import graft; graft.Project('.').labels", {"torch", "matplotlib", "sklearn"}),
    ],
)
def test_no_more_is_imported_than_is_asked_for(project: graft.Project, code: str, kept_out: set[str]) -> None:
    found = f"{code}\nimport sys\nprint(*sorted({kept_out!r} & sys.modules.keys()))"
    path = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", found], cwd=project.folder, env=path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
