"""A batch holds what has no label, with a guess and neighbours that do; labels of test count for nothing."""

from pathlib import Path

import numpy as np
import pytest

from graft.apps.review.pool import NEIGHBOURS, Pool
from graft.core import tables
from graft.core.errors import DataError
from tests.apps.review.unlabelled import COPIED, COPY, NAMES, TRUTH, project

TRUE = dict(zip(NAMES, TRUTH, strict=True))


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_case_is_an_image_without_label_beside_labelled_neighbours(tmp_path: Path) -> None:
    project(tmp_path)
    cases = Pool.read().batch({}, set(), 100)
    shown = [case.images[0].path for case in cases]
    assert len(shown) == len(set(shown))
    assert set(shown) == {*NAMES} - {NAMES[0], NAMES[12], NAMES[13], COPY}  # copies of what has a label teach nothing
    for case in cases:
        assert (case.kind, case.images[0].labels) == ("unlabelled", None)
        assert {image.path for image in case.neighbours} == {COPIED, NAMES[12]}  # none of test
        if TRUE[case.images[0].path] != "owl":
            assert case.suggested == [TRUE[case.images[0].path]] == case.neighbours[0].labels
            assert 0.5 < case.score <= 1


def test_the_class_without_a_label_is_asked_for_first(tmp_path: Path) -> None:
    project(tmp_path)
    (case,) = Pool.read().batch({}, set(), 1)
    assert TRUE[case.images[0].path] == "owl"


def test_from_no_label_at_all_each_cluster_is_asked_for_once(tmp_path: Path) -> None:
    project(tmp_path, labelled={})
    cases = Pool.read().batch({}, set(), 3)
    assert [TRUE[case.images[0].path] for case in cases] == ["cat", "dog", "owl"]  # by size
    assert {(case.suggested, case.neighbours) for case in cases} == {(None, ())}


def test_corrections_count_at_once(tmp_path: Path) -> None:
    project(tmp_path, labelled={})
    pool = Pool.read()
    corrected: dict[str, list[str] | str] = {
        NAMES[1]: ["cat"],
        NAMES[14]: ["dog"],
        NAMES[25]: ["owl"],
        NAMES[2]: "drop",
    }
    assert pool.waiting(corrected) == len(NAMES) - 4
    cases = pool.batch(corrected, set(), 100)
    assert not corrected.keys() & {case.images[0].path for case in cases}
    assert all(case.suggested == [TRUE[case.images[0].path]] for case in cases)
    assert all(len(case.neighbours) == min(NEIGHBOURS, 3) for case in cases)
    assert NAMES[2] not in {image.path for case in cases for image in case.neighbours}


def test_what_was_skipped_comes_when_nothing_else_is_left(tmp_path: Path) -> None:
    project(tmp_path)
    pool = Pool.read()
    skipped = {*NAMES} - {NAMES[20]}
    assert [case.images[0].path for case in pool.batch({}, skipped, 3)] == [NAMES[20]]
    assert len(pool.batch({NAMES[20]: ["dog"]}, skipped, 3)) == 3


def test_a_random_batch_is_another_one_and_the_same_when_asked_again(tmp_path: Path) -> None:
    project(tmp_path)
    pool = Pool.read()
    first, again, chosen = (
        [case.images[0].path for case in pool.batch({}, set(), 6, at_random)] for at_random in (True, True, False)
    )
    assert first == again != chosen
    assert not {*first} & {NAMES[0], NAMES[12], NAMES[13]}


def test_of_several_labels_each_class_is_a_question_of_its_own(tmp_path: Path) -> None:
    project(tmp_path, {0: "cat|pet", 1: "cat|pet", 12: "dog|pet", 14: "dog|pet", 22: ""}, multi_label=True)
    cases = {case.images[0].path: case for case in Pool.read().batch({}, set(), 100)}
    assert cases[NAMES[6]].suggested == ["cat", "pet"]
    assert cases[NAMES[20]].suggested == ["dog", "pet"]
    assert cases[NAMES[29]].suggested == []
    assert cases[NAMES[29]].neighbours[0].labels == []


@pytest.mark.parametrize(
    ("split_by", "said"),
    [
        ("random", []),
        ("hash", []),
        ("column", ["split.by is column, which puts 27 of the 27 pictures without a label into no split: labelled"]),
    ],
)
def test_a_split_that_would_leave_the_new_out_is_named(tmp_path: Path, split_by: str, said: list[str]) -> None:
    project(tmp_path)
    warned = list(Pool.read().warnings(split_by))
    assert len(warned) == len(said)
    assert all(warning.startswith(start) for warning, start in zip(warned, said, strict=True))


def test_folders_called_after_a_split_take_what_lies_in_them(tmp_path: Path) -> None:
    project(tmp_path)
    without = tmp_path / "reports/index/unlabelled.csv"
    images, rows = tmp_path / "data/images.csv", tmp_path / "data/embeddings/rows.csv"
    moved = {NAMES[20]: f"train/{NAMES[20]}", NAMES[21]: f"test/{NAMES[21]}"}
    for file in (without, images, rows):
        tables.write(file, tables.read(file).replace({"path": moved}))
    (warning,) = Pool.read().warnings("folder")
    assert warning.startswith("split.by is folder, which puts 25 of the 27 pictures")


def test_what_is_not_there_yet_is_said(tmp_path: Path) -> None:
    project(tmp_path, dict(enumerate(TRUTH)))
    with pytest.raises(DataError, match=r"^every picture has a label; add pictures to the source, and run"):
        Pool.read()
    (tmp_path / "data/embeddings/features.npy").unlink()
    with pytest.raises(
        DataError, match=r"features.npy is absent: there is nothing to choose by yet; run `dvc repro em"
    ):
        Pool.read()


def test_more_images_than_count_are_drawn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graft.apps.review.pool.MAX_IMAGES", 9)
    project(tmp_path, {number: TRUTH[number] for number in range(0, 30, 2)})
    pool = Pool.read()
    assert len(pool.paths) == 18
    assert pool.features.shape[0] == 18
    assert np.isfinite(pool.features).all()
    assert pool.waiting({}) == 15
