"""From two runs to a verdict."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.apps.compare.comparison import changed_predictions, compare_revisions, compare_runs, decide
from graft.apps.compare.render import evidence
from graft.apps.compare.revisions import LABELS, RevisionError
from graft.apps.compare.run import ParamChange, Run, parse_predictions
from graft.core.errors import DataError
from graft.stats.paired import Difference
from tests.apps.compare.conftest import EMPTY, call
from tests.apps.compare.made_up_runs import answers, labels, names, pair, run


def grouped(count: int, size: int) -> pd.DataFrame:
    """labels.csv with groups of a size."""
    groups = [f"g{index // size}" for index in range(count)]
    return pd.DataFrame({"label": labels(count), "group": groups, "kind": "m"}, index=pd.Index(names(count)))


def test_a_run_compared_with_itself() -> None:
    a, _ = pair(90, range(0, 90, 7), [])
    found = compare_runs(a, a, grouped(90, 1))
    assert (found.verdict.word, found.overall.difference.value, found.p) == ("can't tell", 0.0, 1.0)
    assert found.overall.difference.low < 0 < found.overall.difference.high
    assert (found.now_correct, found.now_wrong, found.still_wrong, len(found.changes)) == (0, 0, 0, 0)
    assert found.loss is not None
    assert found.loss.difference is not None
    assert found.loss.difference.value == 0.0
    assert found.notes == ["A and B predict the same for every image, to the last digit"]


@pytest.mark.parametrize("size", [1, 5], ids=["single", "groups"])
def test_a_planted_improvement_is_found_and_so_is_its_loss(size: int) -> None:
    worse, better = pair(300, range(0, 300, 3), range(0, 300, 12))
    up, down = (compare_runs(*two, grouped(300, size)) for two in ((worse, better), (better, worse)))
    assert (up.verdict.word, down.verdict.word) == ("better", "worse")
    assert up.overall.difference.value == pytest.approx(0.25)
    assert (up.now_correct, up.now_wrong) == (75, 0)
    assert up.groups == (None if size == 1 else 60)
    assert up.p < 1e-6


def test_a_small_difference_stays_open() -> None:
    found = compare_runs(*pair(60, [0, 1, 2, 3], [2, 3, 4]), grouped(60, 1))
    assert found.verdict.word == "can't tell"
    assert "holds 0" in found.verdict.reason
    assert (found.now_correct, found.now_wrong, found.still_wrong) == (2, 1, 0)


def test_equal_answers_under_other_parameters_look_stale() -> None:
    a, _ = pair(9, [1], [], params={"lr": 0.1})
    b, _ = pair(9, [1], [], params={"lr": 0.2})
    found = compare_runs(a, b, grouped(9, 1))
    assert found.params == [ParamChange("lr", "0.1", "0.2")]
    assert "did `dvc repro` run since" in found.notes[0]


@pytest.mark.parametrize(
    ("kept", "weights", "recorded", "said"),
    [
        ("head", "ab", {"lr": 0.2}, "both hand on the same head. What differs can have changed the fine-tuned network"),
        ("finetuned", "ab", {"lr": 0.2}, "both hand on the same network, to the last bit"),
        ("head", "cd", {"lr": 0.2}, "though both ran with their own parameters"),
        ("head", "ab", {"lr": 0.3}, "though parameters differ: lr in new changed after the run; run `dvc repro`"),
    ],
    ids=["same head", "same network", "other network", "stale"],
)
def test_equal_answers_under_other_parameters_are_explained(
    kept: str, weights: str, recorded: dict[str, float], said: str
) -> None:
    a, _ = pair(9, [1], [], params={"lr": 0.1}, recorded={"lr": 0.1}, kept=kept, weights="ab")
    _, b = pair(9, [], [1], params={"lr": 0.2}, recorded=recorded, kept=kept, weights=weights)
    note = compare_runs(a, b, grouped(9, 1)).notes[0]
    assert said in note
    assert "did `dvc repro` run" not in note


def test_which_network_is_handed_on_is_noted_where_it_changed() -> None:
    a, b = pair(9, [1], [2], params={})
    found = compare_runs(replace(a, kept="head"), replace(b, kept="finetuned"), grouped(9, 1))
    assert "A hands on its head, B its fine-tuned network" in found.notes


def test_unknown_groups_of_a_split_by_group_decide_nothing() -> None:
    a, b = pair(300, range(0, 300, 3), [], params={"split": {"by": "group"}})
    found = compare_runs(a, b, None, why_no_labels="labels.csv is not here")
    assert found.verdict.word == "can't tell"
    assert "which image is of which group is not known" in found.verdict.reason
    assert found.notes == [
        "groups and slices are not known, so images are taken as independent: labels.csv is not here"
    ]
    free = pair(300, range(0, 300, 3), [], params={"split": {"by": "random"}})
    assert compare_runs(*free, None).verdict.word == "better"


def test_one_group_alone_is_said() -> None:
    found = compare_runs(*pair(300, range(0, 300, 3), []), grouped(300, 300))
    assert found.verdict.word == "can't tell"  # a hundred images more are right, and yet
    assert found.verdict.reason == "all images are of one group, which says nothing of others"
    assert found.loss is not None
    assert found.loss.difference is None
    assert evidence(found)[0].endswith("95 % interval not known: one group")
    assert "300 test images in 1 group;" in evidence(found)[1]


def test_other_images_are_refused_and_common_ones_compared() -> None:
    told = labels(30)
    a = run(told[:20], answers(told[:20], [1, 2]), "v1", paths=names(30)[:20])
    b = run(told[10:], told[10:], "v2", paths=names(30)[10:])
    with pytest.raises(DataError, match="10 images only in A"):
        compare_runs(a, b, None)
    found = compare_runs(a, b, grouped(30, 1).loc[names(30)[10:20]], common=True)
    assert found.overall.images == 10
    assert found.notes[0].startswith("only the 10 images that both have with the same label are compared")
    c = run(told[:5], told[:5], paths=[f"other/{index}" for index in range(5)])
    with pytest.raises(DataError, match="nothing to compare"):
        compare_runs(a, c, None, common=True)


def test_losses_over_other_classes_are_not_compared() -> None:
    a, b = pair(12, [1], [2])
    b.predictions.probabilities["rat"] = np.float32(0)
    found = compare_runs(a, b, grouped(12, 1), common=True)
    assert found.loss is None
    assert any("fewer classes are easier" in note for note in found.notes)


def several(title: str, said: list[str]) -> Run:
    """A run on images that have any number of labels."""
    from graft.apps.compare.run import parse_predictions

    truth = ["cat|dog", "", "dog", "cat"]
    rows = [
        f"{index},{wanted},{got},0.5,{0.9 if 'cat' in got else 0.2},{0.8 if 'dog' in got else 0.1}"
        for index, (wanted, got) in enumerate(zip(truth, said, strict=True))
    ]
    table = "\n".join(["path,label,predicted,loss,p_cat,p_dog", *rows, ""])
    return Run(title, parse_predictions(table.encode(), title), {}, {}, None, [])


def test_several_labels_are_judged_by_exact_match() -> None:
    found = compare_runs(
        several("a", ["cat", "", "dog", "dog"]), several("b", ["cat|dog", "cat", "dog", "cat|dog"]), None
    )
    assert found.primary_metric == "exact match"
    assert "difference in exact match" in found.rule
    assert (found.overall.a, found.overall.b) == (0.5, 0.5)
    assert (found.now_correct, found.now_wrong, found.still_wrong) == (1, 1, 1)
    assert found.slices == []


def test_all_facts_are_json() -> None:
    a, b = pair(9, [1, 4], [2], metrics={"accuracy": 0.5, "f1": None}, unreadable=["x is not there"])
    facts = json.loads(json.dumps(compare_runs(a, b, grouped(9, 1)).to_json(), allow_nan=False))
    assert facts["verdict"]["word"] == "can't tell"
    assert facts["overall"]["difference"]["value"] == pytest.approx(1 / 9)
    assert facts["metrics"][1] == {"name": "f1", "a": None, "b": None, "better": 1, "difference": None}
    assert {row["change"] for row in facts["changes"]} == {"now correct", "now wrong"}
    assert facts["notes"][0] == "could not be read: x is not there"
    assert facts["notes"].count(facts["notes"][0]) == 1


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.001, 0.05, "better"), (-0.05, -0.001, "worse"), (-0.01, 0.03, "can't tell"), (0.0, 0.03, "can't tell")],
)
def test_the_whole_interval_decides(low: float, high: float, word: str) -> None:
    assert decide(Difference((low + high) / 2, low, high, "any")).word == word


def test_in_doubt_nothing_is_decided() -> None:
    found = decide(Difference(0.03, 0.02, 0.04, "any"), "groups are not known")
    assert (found.word, found.reason) == ("can't tell", "groups are not known")


COLUMNS = [
    "path",
    "change",
    "label",
    "predicted_a",
    "probability_a",
    "predicted_b",
    "probability_b",
    "loss_a",
    "loss_b",
]

HEAD = "path,label,predicted,loss,p_cat,p_dog,p_owl\n"


def test_what_became_of_each() -> None:
    a, b = pair(9, [0, 1, 2], [1, 5])
    found = changed_predictions(a.predictions, b.predictions)
    assert dict(zip(found["path"], found["change"], strict=True)) == {
        names(9)[0]: "now correct",
        names(9)[2]: "now correct",
        names(9)[5]: "now wrong",
    }
    assert found.columns.tolist() == COLUMNS


def test_the_largest_change_of_loss_comes_first() -> None:
    a = parse_predictions(f"{HEAD}a,cat,dog,1.0,.3,.7,0\nb,cat,dog,3.0,.05,.95,0\nc,cat,dog,1,.4,.6,0\n".encode(), "a")
    b = parse_predictions(f"{HEAD}a,cat,cat,0.5,.6,.4,0\nb,cat,owl,3.5,.03,0,.97\nc,cat,cat,.1,.9,.1,0\n".encode(), "b")
    found = changed_predictions(a, b)
    assert found["path"].tolist() == ["c", "a", "b"]
    assert found["change"].tolist() == ["now correct", "now correct", "still wrong"]
    last = found.iloc[-1]
    assert (last["predicted_a"], last["probability_a"], last["predicted_b"], last["probability_b"]) == (
        "dog",
        "0.950000",
        "owl",
        "0.970000",
    )
    assert (last["loss_a"], last["loss_b"]) == (3.0, 3.5)


def test_several_labels_have_a_probability_each() -> None:
    a = parse_predictions(f"{HEAD}a,cat|dog,cat,0.5,.9,.2,.1\nb,,,0.1,.1,.1,.1\n".encode(), "a")
    b = parse_predictions(f"{HEAD}a,cat|dog,cat|dog,0.2,.9,.8,.1\nb,,owl,0.4,.1,.1,.7\n".encode(), "b")
    found = changed_predictions(a, b).set_index("path")
    assert list(found.loc["a", ["change", "predicted_b", "probability_b"]]) == [
        "now correct",
        "cat|dog",
        "0.900000|0.800000",
    ]
    assert list(found.loc["b", ["change", "predicted_a", "probability_a"]]) == ["now wrong", "", ""]


@pytest.mark.parametrize("wrong", [[], [0, 4]])
def test_equal_answers_are_no_flips(wrong: list[int]) -> None:
    a, b = pair(9, wrong, wrong)
    found = changed_predictions(a.predictions, b.predictions)
    assert found.empty
    assert found.columns.tolist() == COLUMNS


def test_revisions_in_git_and_in_dvc_are_compared(history: Path) -> None:
    found = compare_revisions("plain", "cached", history)
    assert (found.verdict.word, found.groups, found.now_correct) == ("better", 30, 20)
    assert found.params == [ParamChange("lr", "0.001", "0.003")]
    assert [(one.name, round(one.difference or 0, 6)) for one in found.metrics] == [("accuracy", 0.333333)]
    assert found.notes == []


def test_an_experiment_is_compared(history: Path) -> None:
    assert compare_revisions("tried", "plain", history).verdict.word == "worse"


def test_the_workspace_as_committed_is_no_news(history: Path) -> None:
    found = compare_revisions("HEAD", "workspace", history)
    assert found.verdict.word == "can't tell"
    assert found.notes == ["A and B predict the same for every image, to the last digit"]


def test_without_labels_the_groups_are_not_known(history: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    call(tmp_path, "git", "clone", "-q", str(history), str(folder))
    (folder / ".dvc/config.local").write_text(EMPTY.format(tmp_path / "empty"))
    found = compare_revisions("plain", "plain", folder)
    assert found.groups is None
    assert "which image is of which group is not known" in found.verdict.reason
    assert f"{LABELS} of plain" in found.notes[-1]
    assert "`dvc pull`" in found.notes[-1]
    # labels that lie here serve any revision
    (folder / "data").mkdir(exist_ok=True)
    (folder / LABELS).write_bytes((history / LABELS).read_bytes())
    assert compare_revisions("plain", "plain", folder).groups == 30


def test_an_unknown_revision(history: Path) -> None:
    with pytest.raises(RevisionError, match="did you mean 'cached'"):
        compare_revisions("plain", "cache", history)
