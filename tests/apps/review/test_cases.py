"""Cases name images that are known now; each decision is on disk at once, and can be taken back."""

from pathlib import Path

import pytest

from graft.apps.review.cases import Case, Cases, Decisions, ImageFile, State
from graft.core.errors import DataError
from graft.labels.corrections import Corrections
from tests.apps.review.project import cases, decisions, project


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


def test_any_number_of_labels_are_lists_and_may_be_empty(tmp_path: Path) -> None:
    found = cases(project(tmp_path, multi_label=True))
    assert (found.classes, found.multi_label) == (["cat", "dog"], True)
    assert found.rows[0].images[0].labels == ["cat", "dog"]
    assert found.labels["dogs/<b>rex.jpg"] == []


@pytest.mark.parametrize("name", ["reports/report/review.csv", "data/labels.csv", "data/split.csv"])
def test_an_absent_table_says_what_to_run(tmp_path: Path, name: str) -> None:
    (project(tmp_path) / name).unlink()
    with pytest.raises(DataError, match=r"is absent: nothing was found to review yet; run `dvc repro`$"):
        cases(tmp_path)


@pytest.mark.parametrize("path", ["../../secret.png", "/etc/passwd", "gone.jpg"])
def test_a_path_without_a_label_is_refused(tmp_path: Path, path: str) -> None:
    file = project(tmp_path) / "reports/report/review.csv"
    file.write_text(file.read_text().replace("cats/odd.png", path))
    with pytest.raises(DataError, match=r"is to be reviewed and has no label any more; run `dvc repro report`$"):
        cases(tmp_path)


BEFORE = 'path,label,note\nz.jpg,drop,"blurred, dark"\n'
FIRST, TEST, PAIR, ODD = range(4)


def test_a_correction_is_added_last_and_replaced_where_it_stands(tmp_path: Path) -> None:
    made, file = decisions(project(tmp_path)), tmp_path / "corrections.csv"
    made.decide(FIRST, 0, "relabel", ["wolf"])
    assert file.read_text() == BEFORE + "den/wolf 1.jpg,wolf,was dog; reviewed as label 0.97\n"
    made.decide(ODD, 0, "drop", [])
    made.decide(FIRST, 0, "relabel", ["cat"])
    rows = Corrections.read(file).rows
    assert rows["path"].tolist() == ["z.jpg", "den/wolf 1.jpg", "cats/odd.png"]
    assert rows["label"].tolist() == ["drop", "cat", "drop"]
    assert rows["note"][0] == "blurred, dark"
    assert made.state()[0][FIRST] == State(False, [["cat"]])
    assert made.state()[0][ODD] == State(False, ["drop"])


def test_what_is_kept_is_no_correction_but_is_not_asked_again(tmp_path: Path) -> None:
    made, file = decisions(project(tmp_path)), tmp_path / "corrections.csv"
    file.write_bytes(BEFORE.replace("\n", "\r\n").encode())  # as a spreadsheet writes it
    made.decide(FIRST, 0, "keep", [])
    made.decide(PAIR, 0, "relabel", ["cat"])  # its own label: the same as to keep it
    assert file.read_bytes() == BEFORE.replace("\n", "\r\n").encode()
    later = decisions(tmp_path).state()[0]
    assert [state.settled for state in later] == [True, False, True, False]
    labels = tmp_path / "data/labels.csv"
    labels.write_text(labels.read_text().replace("wolf 1.jpg,dog", "wolf 1.jpg,cat"))
    assert not decisions(tmp_path).state()[0][FIRST].settled  # another label is another question


def test_keeping_takes_a_correction_back_unless_it_is_what_is_kept(tmp_path: Path) -> None:
    made, file = decisions(project(tmp_path)), tmp_path / "corrections.csv"
    file.write_text(BEFORE + "cats/odd.png,cat,by hand\n")
    made.decide(FIRST, 0, "drop", [])
    made.decide(FIRST, 0, "keep", [])
    made.decide(ODD, 0, "keep", [])
    assert file.read_text() == BEFORE + "cats/odd.png,cat,by hand\n"


def test_each_image_of_a_pair_can_be_corrected(tmp_path: Path) -> None:
    made = decisions(project(tmp_path))
    made.decide(PAIR, 1, "relabel", ["cat"])
    assert made.state()[0][PAIR] == State(False, [None, ["cat"]])
    made.decide(PAIR, 0, "drop", [])
    assert made.state()[0][PAIR] == State(False, ["drop", ["cat"]])
    made.decide(PAIR, 0, "keep", [])
    assert made.state()[0][PAIR] == State(True, [None, None])
    made.undo()
    assert made.state()[0][PAIR] == State(False, ["drop", ["cat"]])


def test_undoing_goes_back_step_by_step_to_the_same_bytes(tmp_path: Path) -> None:
    made, file, kept = decisions(project(tmp_path)), tmp_path / "corrections.csv", tmp_path / ".graft/reviewed.csv"
    file.write_text(BEFORE.replace("z.jpg", "den/wolf 1.jpg") + "y.jpg,cat,\n")
    texts = []
    steps = [(FIRST, "keep", []), (FIRST, "relabel", ["wolf"]), (TEST, "drop", []), (PAIR, "keep", [])]
    for case, action, labels in steps:
        texts.append((file.read_text(), kept.read_text() if kept.exists() else "kind,path,other,labels\n"))
        made.decide(case, 0, action, labels)  # type: ignore[arg-type]
    for (case, _, _), text in zip(reversed(steps), reversed(texts), strict=True):
        assert made.undo() == case
        assert (file.read_text(), kept.read_text()) == text
    assert made.undo() is None


def test_what_others_write_in_the_meantime_stays(tmp_path: Path) -> None:
    made, file = decisions(project(tmp_path)), tmp_path / "corrections.csv"
    made.decide(FIRST, 0, "drop", [])
    file.write_text(file.read_text() + "late.jpg,cat,\n")
    made.decide(ODD, 0, "drop", [])
    made.undo()
    made.undo()
    assert file.read_text() == BEFORE + "late.jpg,cat,\n"


def test_changes_are_counted_until_a_run_has_applied_them(tmp_path: Path) -> None:
    made = decisions(project(tmp_path))
    assert made.state()[1] == 0  # z.jpg was dropped before, and is gone
    made.decide(FIRST, 0, "relabel", ["wolf"])
    made.decide(ODD, 0, "drop", [])
    assert made.state()[1] == 2
    labels = tmp_path / "data/labels.csv"
    labels.write_text(labels.read_text().replace("wolf 1.jpg,dog", "wolf 1.jpg,wolf"))
    assert decisions(tmp_path).state()[1] == 1


def test_any_number_of_labels_is_written_with_the_separator_of_the_labels(tmp_path: Path) -> None:
    made, file = decisions(project(tmp_path, multi_label=True), "+"), tmp_path / "corrections.csv"
    made.decide(TEST, 0, "relabel", ["dog", "cat"])
    made.decide(ODD, 0, "relabel", [])
    rows = Corrections.read(file).rows
    assert rows["label"].tolist() == ["drop", "cat+dog", "+"]
    assert rows["note"][2] == "was cat; reviewed as outlier 0.62"
    assert made.state()[0][TEST] == State(False, [["cat", "dog"]])
    assert made.state()[0][ODD] == State(False, [[]])
    assert made.state()[0][ODD].settled


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["lion"], r"^'lion' is no class; the classes are cat, dog, wolf$"),
        (["cat", "dog"], r"^a picture has exactly one label here, not 2$"),
        ([], r"^a picture has exactly one label here, not 0$"),
    ],
)
def test_a_label_that_cannot_be_is_refused(tmp_path: Path, labels: list[str], message: str) -> None:
    made = decisions(project(tmp_path))
    with pytest.raises(DataError, match=message):
        made.decide(FIRST, 0, "relabel", labels)
    assert (tmp_path / "corrections.csv").read_text() == BEFORE


def test_a_class_called_drop_cannot_be_given(tmp_path: Path) -> None:
    labels = project(tmp_path) / "data/labels.csv"
    labels.write_text(labels.read_text().replace(",wolf,", ",drop,"))
    with pytest.raises(DataError, match=r"the class 'drop' cannot be given: corrections.csv leaves out"):
        decisions(tmp_path).decide(FIRST, 0, "relabel", ["drop"])


def test_a_damaged_file_is_left_as_it_is(tmp_path: Path) -> None:
    made, file = decisions(project(tmp_path)), tmp_path / "corrections.csv"
    file.write_text("path,label\n")
    with pytest.raises(DataError, match="its columns are path, label"):
        made.decide(FIRST, 0, "drop", [])
    assert file.read_text() == "path,label\n"


@pytest.mark.parametrize(
    ("labels", "separator", "written", "note"),
    [
        (["cat"], None, "cat", "had no label; guessed cat 0.75"),
        (["sea lion"], None, "sea lion", "had no label; guessed cat 0.75"),
        (["wolf", "cat"], "+", "cat+wolf", "had no label; guessed cat 0.75"),
        ([], "+", "+", "had no label; guessed cat 0.75"),
    ],
)
def test_an_image_without_a_label_is_given_one_of_a_known_class_or_a_new_one(
    tmp_path: Path, labels: list[str], separator: str | None, written: str, note: str
) -> None:
    made, file = to_label(tmp_path, separator), tmp_path / "corrections.csv"
    made.decide(0, 0, "relabel", labels)
    assert file.read_text() == f"path,label,note\nnew.jpg,{written},{note}\n"
    assert made.state()[0] == [State(False, [sorted(labels)])]
    assert made.state()[1] == 1
    assert made.classes() == ["dog", *(name for name in sorted(labels))]
    made.decide(0, 0, "keep", [])  # to skip it takes the label back
    assert file.read_text() == "path,label,note\n"
    assert (made.skipped(), made.state()[0][0].kept) == ({"new.jpg"}, True)
    assert made.undo() == 0
    assert made.corrected() == {"new.jpg": sorted(labels)}


@pytest.mark.parametrize(("name", "separator"), [("", None), (" ", None), ("a+b", "+"), ("a|b", "+")])
def test_a_new_class_that_a_file_could_not_tell_is_refused(tmp_path: Path, name: str, separator: str | None) -> None:
    with pytest.raises(DataError, match=r"cannot be the name of a class: it is empty, or holds what parts labels"):
        to_label(tmp_path, separator).decide(0, 0, "relabel", [name])


def test_a_new_class_is_not_called_as_what_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^the class 'Drop' cannot be given: corrections.csv leaves out by that name"):
        to_label(tmp_path, None).decide(0, 0, "relabel", ["Drop"])


def to_label(folder: Path, separator: str | None) -> Decisions:
    """One image without a label, guessed to be a cat, beside a class of other images."""
    (folder / "corrections.csv").write_text("path,label,note\n")
    case = Case("unlabelled", 0.75, ["cat"], (ImageFile("new.jpg", None, ""),))
    known = Cases([case], {"old.jpg": ["dog"]}, ["dog"], separator is not None, new_classes=True)
    return Decisions(known, separator, folder / "corrections.csv", folder / ".graft/reviewed.csv")
