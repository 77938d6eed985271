"""Cases are joined with what is known of their pictures now, and name no other file."""

from pathlib import Path

import pytest

from graft.apps.review.cases import ImageFile
from graft.core.errors import DataError
from tests.apps.review.made import cases, project


def test_a_case_knows_its_images_their_labels_and_splits(tmp_path: Path) -> None:
    found = cases(project(tmp_path))
    assert (found.classes, found.multi_label) == (["cat", "dog", "wolf"], False)
    first, _, pair, odd = found.rows
    assert (first.kind, first.score, first.suggested) == ("label", 0.97, ["wolf"])
    assert first.images == (ImageFile("den/wolf 1.jpg", ["dog"], "train"),)
    assert pair.images[1] == ImageFile("cats/tom copy.jpg", ["dog"], "test")
    assert pair.suggested == ["dog"]
    assert odd.suggested is None
    assert len({case.key for case in found.rows}) == 4


def test_several_labels_are_lists_and_may_be_empty(tmp_path: Path) -> None:
    found = cases(project(tmp_path, several=True))
    assert (found.classes, found.multi_label) == (["cat", "dog"], True)
    assert found.rows[0].images[0].labels == ["cat", "dog"]
    assert found.labels["dogs/<b>rex.jpg"] == []


@pytest.mark.parametrize("name", ["reports/evaluate/review.csv", "data/labels.csv", "data/split.csv"])
def test_an_absent_table_says_what_to_run(tmp_path: Path, name: str) -> None:
    (project(tmp_path) / name).unlink()
    with pytest.raises(DataError, match=r"is absent: nothing was found to review yet; run `dvc repro`$"):
        cases(tmp_path)


@pytest.mark.parametrize("path", ["../../secret.png", "/etc/passwd", "gone.jpg"])
def test_a_path_without_a_label_is_refused(tmp_path: Path, path: str) -> None:
    file = project(tmp_path) / "reports/evaluate/review.csv"
    file.write_text(file.read_text().replace("cats/odd.png", path))
    with pytest.raises(DataError, match=r"is to be reviewed and has no label any more; run `dvc repro evaluate`$"):
        cases(tmp_path)
