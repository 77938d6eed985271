"""What is read of a revision, and two runs side by side."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from graft.apps.compare.revisions import (
    LABELS,
    LINEAGE,
    LOCK,
    METRICS,
    PARAMS,
    PREDICTIONS,
    SPLIT,
    RevisionError,
    Workspace,
)
from graft.apps.compare.run import (
    ParamChange,
    changed_params,
    direction,
    numbers,
    paired_metrics,
    parse_predictions,
    read_labels,
    read_run,
)
from graft.core.errors import DataError, GraftError
from graft.core.params import parse_yaml
from graft.evaluate.evaluation import Evaluation
from graft.tasks import Decision, MultiLabel
from tests.apps.compare.made_up_runs import csv, labels, names


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with all that is compared."""
    told = labels(6)
    files = {
        PREDICTIONS: csv(told, told).decode(),
        METRICS: json.dumps({"test": {"accuracy": 1.0, "macro_f1": None, "interval": "Wilson"}}),
        PARAMS: "lr: 1e-3\nsplit: {by: group}\n",
        LABELS: "path,label,group,kind\n" + "".join(f"{name},cat,g,m\n" for name in ["aside.png", *names(6)]),
        SPLIT: "path,split\n" + "".join(f"{name},test\n" for name in names(6)),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_a_run_was_made_of_is_read(project: Path) -> None:
    run = read_run(Workspace(project))
    assert (run.kept, run.weights, run.recorded, run.stale) == (None, None, {}, [])
    network = {"accuracy": 0.5, "accuracy_low": None}
    told = {"test": {"accuracy": 1.0}, "head": {"accuracy": 1.0}, "finetuned": network, "kept": "head"}
    (project / METRICS).write_text(json.dumps(told))
    (project / LINEAGE).write_text(json.dumps({"files": {"models/finetuned/model.safetensors": "ab"}}))
    sections = {"lr": 0.002, "split": {"by": "group"}}
    stages = {"report": {"params": {"params.yaml": sections}}}
    (project / LOCK).write_text(json.dumps({"schema": "2.0", "stages": stages}))
    run = read_run(Workspace(project))
    assert (run.kept, run.weights, run.recorded, run.stale) == ("head", "ab", sections, ["lr"])
    assert run.metrics == {
        "accuracy": 1.0,
        "head.accuracy": 1.0,
        "finetuned.accuracy": 0.5,
        "finetuned.accuracy_low": None,
    }


def test_a_lineage_of_no_files_is_named(project: Path) -> None:
    (project / LINEAGE).write_text("[]")
    with pytest.raises(DataError, match=f"{LINEAGE} of workspace names no files; run `dvc repro evaluate`"):
        read_run(Workspace(project))


def test_a_whole_run(project: Path) -> None:
    run = read_run(Workspace(project))
    assert run.title == "workspace"
    assert run.params == {"lr": 0.001, "split": {"by": "group"}}
    assert run.metrics == {"accuracy": 1.0, "macro_f1": None}
    assert run.split is not None
    assert run.split.loc[names(1)[0], "split"] == "test"
    assert run.unreadable == []
    found, reason = read_labels(Workspace(project), names(6)[::-1])
    assert found is not None
    assert found.index.tolist() == names(6)[::-1]
    assert found["group"].unique().tolist() == ["g"]
    assert reason == ""


def test_only_predictions_must_be_there(project: Path) -> None:
    for name in (METRICS, PARAMS, LABELS, SPLIT):
        (project / name).unlink()
    run = read_run(Workspace(project))
    assert (run.params, run.metrics, run.split) == ({}, {}, None)
    assert [gap.split(";")[0] for gap in run.unreadable] == [
        f"the workspace has no {PARAMS}",
        f"the workspace has no {METRICS}",
    ]
    assert read_labels(Workspace(project), names(1))[1].startswith(f"the workspace has no {LABELS}")
    (project / PREDICTIONS).unlink()
    with pytest.raises(RevisionError, match=r"has no reports/evaluate/predictions\.csv; run `dvc repro evaluate`, or"):
        read_run(Workspace(project))


def test_labels_of_other_images_will_not_do(project: Path) -> None:
    found, reason = read_labels(Workspace(project), ["x.png"])
    assert found is None
    assert reason == "data/labels.csv of workspace does not name 'x.png'"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (PARAMS, "a: [", "params.yaml of workspace: not valid YAML"),
        (PARAMS, "- 1", "expected a mapping; got [1]"),
        (METRICS, "{", "holds no figures of test; run `dvc repro evaluate`"),
        (METRICS, '{"test": 3}', "holds no figures of test"),
        (SPLIT, "path\nx\n", "lacks the column split; it has path"),
        (SPLIT, "", "data/split.csv of workspace is not a table"),
    ],
)
def test_what_is_damaged_is_said(project: Path, name: str, text: str, told: str) -> None:
    (project / name).write_text(text)
    with pytest.raises(GraftError) as refused:
        read_run(Workspace(project))
    assert told in str(refused.value)
    assert isinstance(refused.value, DataError)


def test_what_cannot_be_opened_is_said(project: Path) -> None:
    (project / PREDICTIONS).unlink()
    (project / PREDICTIONS).mkdir()
    with pytest.raises(RevisionError, match="Is a directory"):
        read_run(Workspace(project))


ONE = b"path,label,predicted,loss,p_cat,p_dog\nb.png,cat,dog,1.2,0.3,0.7\na.png,dog,dog,0.4,0.35,0.65\n"


def test_rows_are_in_order_of_path() -> None:
    found = parse_predictions(ONE, "it")
    assert found.rows.index.tolist() == ["a.png", "b.png"]
    assert found.classes == ["cat", "dog"]
    assert found.correct.tolist() == [True, False]
    assert found.confidence("b.png") == "0.700000"
    assert not found.multi_label
    assert found.select(["b.png"]).rows["loss"].tolist() == [1.2]


def test_columns_are_found_by_name() -> None:
    text = "entropy,p_dog,predicted,path,p_cat,loss,label,note\n0.1,0.7,dog,b.png,0.3,1.2,cat,x\n"
    found = parse_predictions(text.encode(), "it")
    assert list(found.probabilities.loc["b.png"]) == pytest.approx([0.7, 0.3])
    assert list(found.rows.loc["b.png"]) == ["cat", "dog", 1.2]


def test_what_evaluate_writes_of_several_labels() -> None:
    rows = pd.DataFrame({"path": ["a", "b", "c"], "labels": ["cat|owl", "", "dog"], "group": ""})
    probabilities = np.array([[0.9, 0.1, 0.8], [0.1, 0.6, 0.1], [0.2, 0.9, 0.1]])
    logits = logit(probabilities).astype(np.float32)
    written = Evaluation(rows, MultiLabel(["cat", "dog", "owl"]), logits, logits, Decision())
    text = written.predictions.to_csv(index=False)
    found = parse_predictions(text.encode(), "it")
    assert found.multi_label
    assert found.rows["label"].tolist() == ["cat|owl", "", "dog"]
    assert found.correct.tolist() == [True, False, True]
    assert (found.confidence("a"), found.confidence("b")) == ("0.900000|0.800000", "0.600000")


def test_a_class_may_have_the_sign_that_joins_in_its_name() -> None:
    found = parse_predictions(b"path,label,predicted,loss,p_a|b,p_c\nx,a|b,a|b,0.1,0.9,0.1\n", "it")
    assert not found.multi_label
    assert found.confidence("x") == "0.900000"


def test_thousand_rounded_probabilities_still_sum_to_one() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(1000), 20).round(6)
    head = "path,label,predicted,loss," + ",".join(f"p_c{index}" for index in range(1000))
    rows = [f"{row},c0,c0,1.0," + ",".join(map(str, values)) for row, values in enumerate(probabilities)]
    assert not parse_predictions("\n".join([head, *rows, ""]).encode(), "it").multi_label


def test_names_are_text() -> None:
    found = parse_predictions(b"path,label,predicted,loss,p_NA,p_01\n007,NA,01,0.5,0.4,0.6\n", "it")
    assert list(found.rows.loc["007"]) == ["NA", "01", 0.5]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a table of predictions"),
        (b"path,label\na,b\n", "lacks predicted, loss, p_<class>; it has path, label"),
        (b"path,label,predicted,loss,p_a\n", "has no row"),
        (ONE.replace(b"1.2", b"much"), "is not a table of predictions"),
        (ONE.replace(b"0.7", b""), "is not a table of predictions"),
        (ONE.replace(b"0.7", b"inf"), "has a number that is not finite"),
        (ONE.replace(b"a.png", b"b.png"), "has 'b.png' twice"),
        (ONE.replace(b"a.png", b"\xff.png"), "is not a table of predictions"),
    ],
    ids=["empty", "columns", "rows", "text", "blank", "infinite", "twice", "bytes"],
)
def test_what_cannot_be_used_is_said(content: bytes, told: str) -> None:
    with pytest.raises(DataError, match=r"^predictions of v1 ") as refused:
        parse_predictions(content, "predictions of v1")
    assert told in str(refused.value)


def test_made_runs_are_what_evaluate_writes() -> None:
    found = parse_predictions(csv(labels(6), labels(6)), "made")
    assert found.correct.all()
    pd.testing.assert_series_equal(
        found.rows["loss"], pd.Series(-np.log(0.8), found.rows.index, name="loss"), atol=1e-6
    )


def test_only_what_differs_is_told_under_dotted_keys() -> None:
    a = parse_yaml("lr: 1e-3\nsplit: {by: group, seed: 0}\nembed: {layers: [a, b]}\nold: {}\nname: '1'\nnone: null\n")
    b = parse_yaml("lr: 0.003\nsplit: {by: group, seed: 0, test: 0.2}\nembed: {layers: [a]}\nname: 1\nnone: ''\n")
    assert changed_params(a, b) == [
        ParamChange("embed.layers", '["a", "b"]', '["a"]'),
        ParamChange("lr", "0.001", "0.003"),
        ParamChange("name", '"1"', "1"),
        ParamChange("none", "null", '""'),
        ParamChange("split.test", "-", "0.2"),
    ]


def test_a_text_and_a_number_are_not_the_same() -> None:
    assert changed_params({"a": "1", "b": True}, {"a": 1, "b": 1}) == [
        ParamChange("a", '"1"', "1"),
        ParamChange("b", "true", "1"),
    ]


def test_a_section_that_became_a_value() -> None:
    assert changed_params({"a": {"b": 1}}, {"a": None}) == [ParamChange("a", "-", "null"), ParamChange("a.b", "1", "-")]


def test_a_value_that_is_a_dash_is_not_a_lack() -> None:
    assert changed_params({"a": "-"}, {}) == [ParamChange("a", '"-"', "-")]


def test_nothing_differs() -> None:
    assert changed_params({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2}]}}) == []


def test_figures_stand_side_by_side() -> None:
    found = paired_metrics(
        {"accuracy": 0.5, "log_loss": 1.0, "gone": 1.0}, {"accuracy": 0.75, "log_loss": None, "new": 2.0}
    )
    assert [(one.name, one.a, one.b, one.difference) for one in found] == [
        ("accuracy", 0.5, 0.75, 0.25),
        ("log_loss", 1.0, None, None),
        ("new", None, 2.0, None),
        ("gone", 1.0, None, None),
    ]


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("accuracy", 1),
        ("accuracy_low", 0),
        ("exact_match", 1),
        ("exact_match_high", 0),
        ("macro_f1", 1),
        ("mean_average_precision", 1),
        ("error_rate", -1),
        ("calibration_error", -1),
        ("ece", -1),
        ("calibrated.ece", -1),
        ("brier", -1),
        ("brier_score", -1),
        ("log_loss", -1),
        ("hamming_loss", -1),
        ("images", 0),
        ("temperature", 0),
        ("recently", 0),
    ],
)
def test_which_way_is_better(name: str, better: int) -> None:
    assert direction(name) == better


def test_only_numbers_are_figures() -> None:
    tree = {"accuracy": 0.5, "interval": "by group", "f1": None, "ok": True, "by": {"cat": 1}, "list": [1]}
    assert numbers(tree) == {"accuracy": 0.5, "f1": None, "by.cat": 1.0}
