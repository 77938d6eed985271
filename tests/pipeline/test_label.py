"""From `graft label` to the next run: labels given on its page are trained on, and no feature is computed again."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pandas as pd
import pytest

import graft
from tests.pipeline.conftest import dvc, edit_params, environment, stages_run

pytestmark = pytest.mark.slow

PATIENCE = 60
"""Seconds after which a page that says nothing has failed."""


@contextmanager
def page(project: Path) -> Iterator[httpx2.Client]:
    """The page of `graft label`, opened as the command says, until Ctrl-C."""
    command = [sys.executable, "-m", "graft", "label", "--count", "12"]
    variables = environment() | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=project, env=variables, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        try:
            told = served.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+", told)
            assert address, told
            with httpx2.Client(timeout=PATIENCE, follow_redirects=True) as client:
                opened = client.get(address[0])
                token = re.search(r'name="token" content="([\w-]+)"', opened.text)
                assert token
                client.headers["x-graft-token"] = token[1]
                client.base_url = opened.url
                yield client
        finally:
            served.terminate()


def label_batch(client: httpx2.Client, first: int) -> dict[str, str]:
    """Give each image from a case on its class, which is the folder it lies in; return what was given."""
    given = {}
    for number, row in enumerate(client.get("cases").json()["rows"][first:], start=first):
        path = row["images"][0]["path"]
        given[path] = path.partition("/")[0]
        answer = client.post("decide", json={"case": number, "action": "relabel", "labels": [given[path]]})
        assert answer.status_code == 200, answer.text
    return given


def test_labels_of_the_page_are_trained_on_and_no_feature_is_computed_again(project: Path) -> None:
    edit_params(project, labels={"rule": "corrections"}, split={"by": "hash", "stratify": []})
    assert stages_run(dvc(project, "repro", "embed")) == {"index"}
    assert graft.Project(project).labels.empty
    features = project / "data/embeddings/features.npy"
    before = features.stat()

    with page(project) as client:
        given = label_batch(client, 0)
        assert client.post("more").status_code == 200
        given |= label_batch(client, len(given))
    assert len(given) == 24
    corrections = pd.read_csv(project / "corrections.csv", dtype=str, keep_default_na=False)
    assert dict(zip(corrections["path"], corrections["label"], strict=True)) == given

    assert stages_run(dvc(project, "repro", "evaluate")) == {"index", "split", "train-head", "finetune", "evaluate"}
    after = features.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    made = graft.Project(project)
    assert made.labels["label"].to_dict() == given
    assert set(made.split) == {"train", "valid", "test"}
    tested = made.split.index[made.split == "test"]
    assert made.predictions["label"].to_dict() == {path: given[path] for path in tested}
    assert made.network.head is not None
    assert made.network.head.linear.out_features == 2
