"""A label follows from the rule and nothing else; what the rule does not cover is said."""

import re
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.core.errors import DataError, ParamsError
from graft.core.params import check
from graft.labels import rules as module
from graft.labels.corrections import COLUMNS, Corrections
from graft.labels.rules import Labelled, Labels
from graft.labels.tables import Bins, Runs, Table

NOWHERE = Path("there is no such folder")
FOLDER = Labels(rule="folder")


def apply_rule(labels: Labels, root: Path, paths: list[str]) -> Labelled:
    """Label without corrections."""
    return module.apply_rule(labels, root, paths, Corrections(pd.DataFrame(columns=COLUMNS, dtype=str), "none"))


def table(
    root: Path, text: str, paths: list[str], file: str = "labels.csv", label_separator: str | None = None, **config: Any
) -> Labelled:
    """Write a table and label pictures by it."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text, encoding="utf-8")
    rule = Table(**({"file": file, "path": "path", "label": "label"} | config))
    return apply_rule(Labels(rule="table", table=rule, label_separator=label_separator), root, paths)


def told(labelled: Labelled, column: str = "label") -> dict[str, str]:
    """A column by path."""
    return dict(zip(labelled.rows["path"], labelled.rows[column], strict=True))


def left_out(labelled: Labelled) -> dict[str, str]:
    """Reasons by path."""
    return dict(zip(labelled.unlabelled["path"], labelled.unlabelled["reason"], strict=True))


def test_a_folder_names_its_images() -> None:
    labelled = apply_rule(FOLDER, NOWHERE, ["top.jpg", "train/dog/1.jpg", "cat/2.jpg", "dog/1.jpg"])
    assert told(labelled) == {"cat/2.jpg": "cat", "dog/1.jpg": "dog", "train/dog/1.jpg": "dog"}
    assert left_out(labelled) == {"top.jpg": "lies at the top of the source, in no class folder"}
    assert labelled.orphans == []
    assert list(labelled.rows.columns) == ["path", "label", "group"]
    assert set(labelled.rows["group"]) == {""}
    assert labelled.rows["path"].tolist() == ["cat/2.jpg", "dog/1.jpg", "train/dog/1.jpg"]


def test_a_pattern_names_images() -> None:
    pattern = r"(?P<label>[a-z]+)_\d+\.jpg$"
    paths = ["x/beagle_1.jpg", "Beagle_2.jpg", "pug_10.jpg", "12.jpg", "_3.jpg"]
    labelled = apply_rule(Labels(rule="regex", pattern=pattern), NOWHERE, paths)
    assert told(labelled) == {"x/beagle_1.jpg": "beagle", "Beagle_2.jpg": "eagle", "pug_10.jpg": "pug"}
    assert left_out(labelled) == dict.fromkeys(["12.jpg", "_3.jpg"], f"does not match the pattern {pattern}")


def test_labels_given_by_hand_alone_may_be_few() -> None:
    rule, paths = Labels(rule="corrections"), ["cat/1.jpg", "2.jpg"]
    nothing = apply_rule(rule, NOWHERE, paths)
    assert len(nothing.rows) == 0
    assert list(nothing.rows.columns) == ["path", "label", "group"]
    assert left_out(nothing) == dict.fromkeys(paths, "has no row in none")
    by_hand = Corrections(pd.DataFrame([("2.jpg", "dog", "")], columns=COLUMNS, dtype=str), "corrections.csv")
    labelled = module.apply_rule(rule, NOWHERE, paths, by_hand)
    assert told(labelled) == {"2.jpg": "dog"}
    assert left_out(labelled) == {"cat/1.jpg": "has no row in corrections.csv"}
    several = module.apply_rule(Labels(rule="corrections", label_separator="+"), NOWHERE, paths, by_hand)
    assert told(several, "labels") == {"2.jpg": "dog"}


def test_an_empty_or_absent_label_group_labels_nothing() -> None:
    rule = Labels(rule="regex", pattern=r"^(?P<label>[a-z]*)(?:\d|$)|^-")
    labelled = apply_rule(rule, NOWHERE, ["a1", "b2", "7", "-x"])
    assert told(labelled) == {"a1": "a", "b2": "b"}
    assert sorted(left_out(labelled)) == ["-x", "7"]


names = st.text("ab", min_size=1, max_size=2)
some_paths = st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), unique=True, max_size=12)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(some_paths)
def test_any_image_is_labelled_by_its_folder_or_said_not_to_be(paths: list[str]) -> None:
    paths = ["one/p", "two/p", *(f"{path}.jpg" for path in paths)]
    labelled = apply_rule(FOLDER, NOWHERE, paths)
    assert told(labelled) == {path: path.split("/")[-2] for path in paths if "/" in path}
    assert sorted([*labelled.rows["path"], *labelled.unlabelled["path"]]) == sorted(paths)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(some_paths)
def test_any_image_is_labelled_by_the_pattern_or_said_not_to_be(paths: list[str]) -> None:
    paths = ["x_a", "x_b", *paths]
    labelled = apply_rule(Labels(rule="regex", pattern="(?P<label>a|b)$"), NOWHERE, [f"{path}" for path in paths])
    assert told(labelled) == {path: path[-1] for path in paths}
    refused = apply_rule(Labels(rule="regex", pattern="^x_(?P<label>.)"), NOWHERE, paths)
    assert told(refused) == {"x_a": "a", "x_b": "b"}
    assert sorted([*refused.rows["path"], *refused.unlabelled["path"]]) == sorted(paths)


@pytest.mark.parametrize(
    ("separator", "text"),
    [
        ("comma", 'path,label\na.jpg,cat\n"b,c.jpg",dog\n'),
        ("semicolon", "path;label\na.jpg;cat\nb,c.jpg;dog\n"),
        ("tab", "path\tlabel\na.jpg\tcat\nb,c.jpg\tdog\n"),
        ("whitespace", "path   label\na.jpg cat\nb,c.jpg\t dog\n"),
    ],
)
def test_a_table_names_images(tmp_path: Path, separator: str, text: str) -> None:
    labelled = table(tmp_path, text, ["b,c.jpg", "a.jpg"], separator=separator)
    assert told(labelled) == {"a.jpg": "cat", "b,c.jpg": "dog"}


def test_a_table_may_begin_with_a_row(tmp_path: Path) -> None:
    text = "a.jpg,cat\nb.jpg,dog\n"
    labelled = table(tmp_path, text, ["a.jpg", "b.jpg"], columns=["image", "kind"], path="image", label="kind")
    assert told(labelled) == {"a.jpg": "cat", "b.jpg": "dog"}


def test_paths_are_relative_to_the_table(tmp_path: Path) -> None:
    text = "path,label\n./a.jpg,cat\ndeep/b.jpg,dog\n"
    labelled = table(tmp_path, text, ["set/a.jpg", "set/deep/b.jpg"], file="set/labels.csv")
    assert told(labelled) == {"set/a.jpg": "cat", "set/deep/b.jpg": "dog"}


def test_text_in_a_table_stays_text(tmp_path: Path) -> None:
    labelled = table(tmp_path, "path,label\na,NA\nb,null\nc,01\nd,1\ne,1.0\n", list("abcde"))
    assert told(labelled) == {"a": "NA", "b": "null", "c": "01", "d": "1", "e": "1.0"}


def test_groups_and_slices_come_along(tmp_path: Path) -> None:
    text = "path,label,patient,site,more\nb,cat,7,north,x\na,dog,,south,y\n"
    labelled = table(tmp_path, text, ["a", "b"], group="patient", slices=["site"])
    assert list(labelled.rows.columns) == ["path", "label", "group", "site"]
    assert told(labelled, "group") == {"a": "", "b": "7"}
    assert told(labelled, "site") == {"a": "south", "b": "north"}


def test_what_table_and_folder_do_not_share_is_said(tmp_path: Path) -> None:
    labelled = table(tmp_path, "path,label\na,cat\nb,dog\nz,cat\ny,cat\n", ["a", "b", "c"])
    assert told(labelled) == {"a": "cat", "b": "dog"}
    assert left_out(labelled) == {"c": "has no row in labels.csv"}
    assert labelled.orphans == ["y", "z"]


def test_a_row_without_a_label_labels_nothing(tmp_path: Path) -> None:
    labelled = table(tmp_path, "path,label\na,cat\nb,dog\nc,\n", ["a", "b", "c"])
    assert told(labelled) == {"a": "cat", "b": "dog"}
    assert left_out(labelled) == {"c": "has an empty label in labels.csv"}


@settings(max_examples=30, deadline=None)
@given(
    rows=st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["cat", "dog", ""])),
    images=st.sets(st.sampled_from("abcdefgh")),
)
def test_any_table_covers_every_image_once(
    rows: dict[str, str], images: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows, images = rows | {"y": "cat", "z": "dog"}, images | {"y", "z"}
    text = "path,label\n" + "".join(f"{path},{label}\n" for path, label in rows.items())
    labelled = table(tmp_path_factory.getbasetemp(), text, sorted(images))
    with_label = {path: label for path, label in rows.items() if label}
    assert told(labelled) == {path: with_label[path] for path in images & set(with_label)}
    assert set(left_out(labelled)) == images - set(with_label)
    assert labelled.orphans == sorted(set(with_label) - images)


def test_a_number_equal_to_an_edge_belongs_above(tmp_path: Path) -> None:
    text = "path,label\na,0\nb,0.3333333333333333\nc,0.5\nd,0.6666666666666666\ne,1.0\nf,-3\ng,1e3\n"
    bins = Bins(edges=[0.5, 1.0], names=["low", "middle", "high"])
    assert told(table(tmp_path, text, list("abcdefg"), bins=bins)) == {
        "a": "low",
        "b": "low",
        "c": "middle",
        "d": "middle",
        "e": "high",
        "f": "low",
        "g": "high",
    }


@settings(max_examples=30, deadline=None)
@given(
    edges=st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=4, unique=True).map(sorted),
    values=st.lists(st.integers(-6, 6), max_size=10),
)
def test_any_number_is_cut_by_counting_the_edges_below_it(
    edges: list[float], values: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = [-100, 100, *values]
    text = "path,label\n" + "".join(f"{place},{value}\n" for place, value in enumerate(values))
    bins = Bins(edges=edges, names=[f"bin {place}" for place in range(len(edges) + 1)])
    labelled = table(tmp_path_factory.getbasetemp(), text, [str(place) for place in range(len(values))], bins=bins)
    assert told(labelled) == {
        str(place): f"bin {sum(edge <= value for edge in edges)}" for place, value in enumerate(values)
    }


def blocks(root: Path, values: str, length: int) -> list[str]:
    """The group inferred for every row of a table, in the order of the table."""
    text = "path,label,kind\n" + "".join(f"{n},{'xy'[n % 2]},{value}\n" for n, value in enumerate(values))
    labelled = table(root, text, [str(n) for n in range(len(values))], runs=Runs(of="kind", length=length))
    group = told(labelled, "group")
    return [group[str(n)] for n in range(len(values))]


@pytest.mark.parametrize(
    ("values", "length", "groups"),
    [
        ("mmmm", 2, "m-01 m-01 m-02 m-02"),
        ("mmmmmpp", 3, "m-01 m-01 m-01 m-02 m-02 p-01 p-01"),
        ("mmmm", 3, "m-01 m-01 m-01 m-01"),
        ("mpmm", 2, "m-01 p-01 m-02 m-02"),
        ("mmmmppmmmm", 4, "m-01 m-01 m-01 m-01 p-01 p-01 m-02 m-02 m-02 m-02"),
        ("mmmmmmmm", 3, "m-01 m-01 m-01 m-02 m-02 m-02 m-03 m-03"),
        ("mp", 100, "m-01 p-01"),
    ],
    ids=["two blocks", "nearest number", "too short for two", "runs restart", "numbers go on", "uneven", "longer"],
)
def test_runs_are_cut_into_blocks(tmp_path: Path, values: str, length: int, groups: str) -> None:
    assert blocks(tmp_path, values, length) == groups.split()


@settings(max_examples=30, deadline=None)
@given(runs=st.lists(st.integers(1, 14), min_size=1, max_size=5), length=st.integers(2, 6))
def test_any_run_is_cut_into_blocks_of_nearly_equal_length(
    runs: list[int], length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    runs = [*runs, 2]
    values = "".join("mp"[place % 2] * count for place, count in enumerate(runs))
    named = blocks(tmp_path_factory.getbasetemp(), values, length)
    start = 0
    seen: set[str] = set()
    for place, count in enumerate(runs):
        inside = named[start : start + count]
        start += count
        sizes = [inside.count(name) for name in dict.fromkeys(inside)]
        assert inside == sorted(inside)
        assert max(sizes) - min(sizes) <= 1
        assert abs(len(sizes) - count / length) <= 0.5 or len(sizes) == 1
        assert all(name.startswith("mp"[place % 2] + "-") for name in inside)
        assert not seen & set(inside)
        seen |= set(inside)


@pytest.mark.parametrize(
    ("text", "config", "said"),
    [
        (
            "path,lable\na,x\nb,y\n",
            {},
            r"^labels.table.label: no column 'label' in labels.csv \(did you mean 'lable'\?\); ",
        ),
        ("file,label\na,x\nb,y\n", {}, "^labels.table.path: no column 'path' in labels.csv.*; it has file, label$"),
        ("path,label\na,x\n", {"group": "patient"}, "^labels.table.group: no column 'patient' in labels.csv"),
        ("path,label\na,x\n", {"slices": ["site"]}, "^labels.table.slices: no column 'site' in labels.csv"),
        (
            "path,label\na,x\n",
            {"runs": Runs(of="kind", length=2)},
            "^labels.table.runs.of: no column 'kind' in labels.csv",
        ),
        (
            "path,label\na,0.1\nb,many\nc,few\n",
            {"bins": Bins(edges=[0.5], names=["x", "y"])},
            "^labels.csv: row 2 has the label 'many', which is no number to cut$",
        ),
        ("path,label\na,x\n ,y\n", {}, "^labels.csv: row 2 has nothing in the column 'path'$"),
        ("path,label\na,x\nb,y,z\n", {}, "^labels.csv: line 3 has 3 fields where 2 are expected; quote a field"),
        ("path,label\na,x,1\nb,y,z\n", {}, "^labels.csv: line 2 has 3 fields where 2 are expected"),
        ('path,label\n"a\nb",x\n\n  \nc\n', {}, "^labels.csv: line 6 has 1 fields where 2 are expected"),
        ("a,x\nb\n", {"columns": ["path", "label"]}, "^labels.csv: line 2 has 1 fields where 2 are expected"),
        ("path label\na  x\n b\n", {"separator": "whitespace"}, "^labels.csv: line 3 has 1 fields where 2 are"),
        ("path;label # which\na;x;y # z;z\n", {"separator": "semicolon", "comment": "#"}, "line 2 has 3 fields"),
        ("", {}, "^labels.csv: not a comma-separated table: it is empty$"),
    ],
    ids=[
        "label column",
        "path column",
        "group column",
        "slice column",
        "run column",
        "no number",
        "no path",
        "ragged",
        "all too long",
        "too short",
        "no header",
        "whitespace",
        "comment",
        "empty",
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, text: str, config: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        table(tmp_path, text, ["a", "b", "c"], **config)


def test_an_absent_table_is_said(tmp_path: Path) -> None:
    rule = Labels(rule="table", table=Table(file="labels.csv", path="path", label="label"))
    with pytest.raises(DataError, match=r"^labels\.table\.file: labels\.csv is not in the source$"):
        apply_rule(rule, tmp_path, ["a"])


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"path,label\n\xff\xfe,x\n")
    rule = Labels(rule="table", table=Table(file="labels.csv", path="path", label="label"))
    with pytest.raises(
        DataError,
        match=r"^labels\.csv: not a comma-separated table: line 2 holds the byte ff, .*labels\.table\.encoding",
    ):
        apply_rule(rule, tmp_path, ["a"])


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ([], r"^labels.rule 'folder' finds 0 classes \[\] in 0 pictures, of which it labels 0; at least two"),
        (["a.jpg", "b.jpg"], "finds 0 classes .* in 2 pictures, of which it labels 0; .*; 'a.jpg' lies at the top"),
        (["cat/a.jpg", "cat/b.jpg"], r"finds 1 classes \['cat'\] in 2 pictures, .*two classes are needed$"),
    ],
    ids=["no picture", "no label", "one class"],
)
def test_at_least_two_classes_are_needed(paths: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        apply_rule(FOLDER, NOWHERE, paths)


TABLE = {"file": "labels.csv", "path": "path", "label": "label"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"rule": "foldr"}, r"labels.rule: .*'regions' or 'corrections'; got 'foldr' \(did you mean 'folder'\?\)"),
        ({"rule": "table"}, "labels: the rule 'table' needs the key 'table'"),
        ({"rule": "regex"}, "labels: the rule 'regex' needs the key 'pattern'"),
        ({"rule": "regex", "pattern": "(a"}, "labels: pattern is no regular expression: missing"),
        ({"rule": "regex", "pattern": "(a)"}, re.escape("labels: pattern needs a named group: (?P<label>...)")),
        (
            {"rule": "regex", "pattern": "(?P<label>a)(?P<unlabelled>b)"},
            "labels: pattern: 'unlabelled' is a name graft uses itself; rename the group",
        ),
        ({"rule": "table", "table": {"file": "x"}}, "labels.table.path: missing"),
        ({"rule": "table", "table": TABLE | {"separator": ","}}, "labels.table.separator: .*'whitespace'; got ','"),
        (
            {"rule": "table", "table": TABLE | {"bins": {"edges": [2.0, 1.0], "names": ["a", "b", "c"]}}},
            "labels.table.bins: edges must be finite and rise; got",
        ),
        (
            {"rule": "table", "table": TABLE | {"bins": {"edges": [1.0, 1.0], "names": ["a", "b", "c"]}}},
            "labels.table.bins: edges must be finite and rise; got",
        ),
        (
            {"rule": "table", "table": TABLE | {"bins": {"edges": [1.0], "names": ["a", "b", "c"]}}},
            "labels.table.bins: 1 edges cut 2 classes; 3 are named",
        ),
        (
            {"rule": "table", "table": TABLE | {"group": "g", "runs": {"of": "g", "length": 2}}},
            "labels.table: give either group or runs",
        ),
        (
            {"rule": "table", "table": TABLE | {"runs": {"of": "g", "length": 1}}},
            "labels.table.runs.length: input should be greater than or equal to 2; got 1",
        ),
    ],
    ids=[
        "rule",
        "no table",
        "no pattern",
        "broken pattern",
        "no group",
        "reserved group",
        "table incomplete",
        "separator",
        "falling edges",
        "equal edges",
        "names",
        "two kinds of group",
        "length",
    ],
)
def test_a_rule_that_cannot_work_is_refused(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("labels", Labels, value)


@pytest.mark.parametrize("taken", ["path", "label", "labels", "group", "split", "list", "unlabelled"])
def test_a_slice_must_not_overwrite_what_graft_names(taken: str) -> None:
    with pytest.raises(ValueError, match=f"slices: '{taken}' is a name graft uses itself"):
        Table(file="labels.csv", path="path", label="class", slices=[taken])


def test_lines_that_look_ragged_and_are_not_are_read(tmp_path: Path) -> None:
    text = 'path;label\n"a\n;1";x\n\n   \nb;"y # no comment"\n# ; ; a comment\nc;\n'
    labelled = table(tmp_path, text, ["a\n;1", "b", "c"], separator="semicolon", comment="#")
    assert told(labelled) == {"a\n;1": "x", "b": "y # no comment"}
    assert told(table(tmp_path, 'path label\n"a b"  x \n\tc\ty\n', ["a b", "c"], separator="whitespace")) == {
        "a b": "x",
        "c": "y",
    }


def test_an_empty_cell_has_no_number_to_cut(tmp_path: Path) -> None:
    labelled = table(tmp_path, "path,label\na,0.1\nb,\nc,9\n", list("abc"), bins=Bins(edges=[0.5], names=["x", "y"]))
    assert told(labelled) == {"a": "x", "c": "y"}
    assert left_out(labelled) == {"b": "has an empty label in labels.csv"}


def test_what_stands_around_groups_and_slices_is_no_part_of_them(tmp_path: Path) -> None:
    labelled = table(tmp_path, "path,label,g,s\na,x, 7 , n\nb,y,7,n\n", ["a", "b"], group="g", slices=["s"])
    assert (set(labelled.rows["group"]), set(labelled.rows["s"])) == ({"7"}, {"n"})


def test_an_image_of_two_groups_is_not_put_into_one(tmp_path: Path) -> None:
    text = "path,label,g\na,x,1\na,x,2\nb,y,1\nb,y,\nc,x,\nc,x,3\n"
    labelled = table(tmp_path, text, ["a", "b", "c"], group="g")
    assert told(labelled, "group") == {"b": "1", "c": "3"}
    assert left_out(labelled) == {"a": "has 2 rows, of the groups '1' and '2'"}
    rule = Labels(rule="regex", pattern=r"p(?P<group>\d)_(?P<label>[xy])")
    found = apply_rule(rule, NOWHERE, ["p1_x/p2_x", "p1_x/p1_x", "p3_y"])
    assert told(found, "group") == {"p1_x/p1_x": "1", "p3_y": "3"}
    assert "with the groups '1' and '2'" in left_out(found)["p1_x/p2_x"]


def test_each_of_several_values_is_mapped(tmp_path: Path) -> None:
    names: dict[str | int, str] = {0: "clear", 1: "haze"}
    labelled = table(tmp_path, "path,label\na,0 1\nb,1\nc,1 7\nd,\nd,1\n", list("abcd"), label_separator=" ", map=names)
    assert told(labelled, "labels") == {"a": "clear|haze", "b": "haze", "d": "haze"}
    assert left_out(labelled) == {"c": "has the value '7' in labels.csv, which labels.table.map does not name"}


def test_either_form_of_unicode_is_the_same_name(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "bär/käfer_1") for form in ("NFC", "NFD"))
    assert one != other
    labelled = table(tmp_path, f"path,label\n{one},{one[:3]}\nb,{other[:4]}\nc,x\n", [other, "b", "c"])
    assert told(labelled) == {other: "bär", "b": "bär", "c": "x"}
    assert told(apply_rule(FOLDER, NOWHERE, [one, other, "x/1"])) == {one: "bär", other: "bär", "x/1": "x"}
    found = apply_rule(Labels(rule="regex", pattern=r"(?P<label>käfer|x)"), NOWHERE, [other, "x/1"])
    assert told(found) == {other: "käfer", "x/1": "x"}


def test_a_pattern_that_finds_two_labels_in_a_path_labels_nothing() -> None:
    rule = Labels(rule="regex", pattern="(?P<label>cat|dog)")
    labelled = apply_rule(rule, NOWHERE, ["cat/dog_1.jpg", "cat/cat_1.jpg", "dog/2.jpg"])
    assert told(labelled) == {"cat/cat_1.jpg": "cat", "dog/2.jpg": "dog"}
    assert left_out(labelled) == {"cat/dog_1.jpg": "matches the pattern (?P<label>cat|dog) as 'cat' and as 'dog'"}


def test_a_pattern_names_groups_and_slices() -> None:
    pattern = r"(?P<site>\w+)/(?P<group>p\d+)?_?(?P<label>ill|well)"
    labelled = apply_rule(Labels(rule="regex", pattern=pattern), NOWHERE, ["north/p1_ill", "south/well"])
    assert list(labelled.rows.columns) == ["path", "label", "group", "site"]
    assert told(labelled, "group") == {"north/p1_ill": "p1", "south/well": ""}
    assert told(labelled, "site") == {"north/p1_ill": "north", "south/well": "south"}


def test_a_folder_around_splits_or_containers_is_the_class() -> None:
    paths = ["cats/train/1", "cats/test/2", "dogs/train/3", "dogs/test/4", "images/5"]
    labelled = apply_rule(FOLDER, NOWHERE, paths)
    assert dict(zip(labelled.rows["path"], labelled.rows["label"], strict=True)) == {
        "cats/train/1": "cats",
        "cats/test/2": "cats",
        "dogs/train/3": "dogs",
        "dogs/test/4": "dogs",
    }
    assert left_out(labelled) == {"images/5": "lies in a folder that only holds pictures, in no class folder"}


def test_a_pattern_names_groups_whatever_the_rule() -> None:
    rule = Labels(rule="folder", group_pattern=r"(?P<group>person\d+)_")
    labelled = apply_rule(rule, NOWHERE, ["ill/person1_a", "ill/person1_b", "well/person12_a", "well/other"])
    assert labelled.rows["group"].tolist() == ["person1", "person1", "", "person12"]


def test_classes_that_are_spelt_differently_are_said_or_joined() -> None:
    paths = ["cat/1", "cat/2", "Cat/3", "cat /4", "dog/5"]
    said = apply_rule(FOLDER, NOWHERE, paths)
    assert said.rows["label"].nunique() == 4
    assert said.warnings == [
        "the classes 'cat', 'Cat', 'cat ' differ in case, white space or Unicode form only; labels.normalise: true "
        "joins them"
    ]
    joined = apply_rule(Labels(rule="folder", normalise=True), NOWHERE, paths)
    assert sorted(joined.rows["label"]) == ["cat", "cat", "cat", "cat", "dog"]
    assert joined.warnings == []


def test_several_labels_of_an_image_are_joined_by_their_spelling() -> None:
    rule = Labels(rule="regex", pattern="^(?P<label>[^/]+)/", label_separator="+", normalise=True)
    labelled = apply_rule(rule, NOWHERE, ["Cat+dog/1", "cat+Cat/2", "cat/3", "cat/4"])
    assert labelled.rows["labels"].tolist() == ["cat|dog", "cat", "cat", "cat"]


def test_a_class_of_too_few_images_is_left_out() -> None:
    labelled = apply_rule(Labels(rule="folder", min_images=2), NOWHERE, ["a/1", "a/2", "b/3", "b/4", "c/5"])
    assert sorted(set(labelled.rows["label"])) == ["a", "b"]
    assert left_out(labelled) == {"c/5": "is of the class 'c', which has fewer than labels.min_images = 2"}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"group_pattern": "("}, "group_pattern is no regular expression"),
        ({"group_pattern": "x"}, r"group_pattern needs a named group: \(\?P<group>"),
        (
            {"rule": "regex", "pattern": "(?P<label>.)(?P<group>.)", "group_pattern": "(?P<group>.)"},
            "group_pattern and pattern both name groups",
        ),
        ({"min_images": 2, "label_separator": "|"}, "min_images is for one label a picture"),
    ],
)
def test_keys_that_contradict_each_other(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("labels", Labels, {"rule": "folder", **keys})


def test_a_folder_called_after_a_split_is_no_class() -> None:
    paths = ["train/cat/1", "train/dog/2", "test/3", "4"]
    labelled = apply_rule(FOLDER, NOWHERE, paths)
    assert told(labelled) == {"train/cat/1": "cat", "train/dog/2": "dog"}
    assert left_out(labelled)["test/3"] == "lies in a folder called after a split, in no class folder"


def test_a_class_may_be_called_train_where_no_split_stands_beside_it() -> None:
    assert told(apply_rule(FOLDER, NOWHERE, ["bus/1", "train/2"])) == {"bus/1": "bus", "train/2": "train"}


def test_an_image_with_two_rows_that_disagree_is_not_guessed(tmp_path: Path) -> None:
    labelled = table(tmp_path, "path,label\na,x\nb,y\na,x\nc,x\n./c,y\n", ["a", "b", "c"])
    assert told(labelled) == {"a": "x", "b": "y"}
    assert left_out(labelled) == {"c": "has 2 rows, as 'x' and as 'y'"}


def test_values_are_mapped_to_names_and_others_are_said(tmp_path: Path) -> None:
    labelled = table(tmp_path, "path,label\na,0\nb,1\nc,7\n", ["a", "b", "c"], map={0: "cat", "1": "dog"})
    assert told(labelled) == {"a": "cat", "b": "dog"}
    assert left_out(labelled) == {"c": "has the value '7' in labels.csv, which labels.table.map does not name"}


def test_a_table_may_name_images_by_a_part_of_their_path(tmp_path: Path) -> None:
    text = "path,label\npug_1,pug\n sub\\cat_2 ,cat\n"
    paths = ["images/pug_1.jpg", "images/sub/cat_2.jpg"]
    labelled = table(tmp_path, text, paths, file="notes/labels.csv", where="../images/{path}.jpg")
    assert told(labelled) == {"images/pug_1.jpg": "pug", "images/sub/cat_2.jpg": "cat"}


def test_a_table_may_have_comments_and_a_mark_of_its_encoding(tmp_path: Path) -> None:
    text = "\ufeffpath\tlabel\n# all of them\na\tx\nb\ty # why\n"
    assert told(table(tmp_path, text, ["a", "b"], separator="tab", comment="#")) == {"a": "x", "b": "y"}


def test_a_table_may_be_parquet(tmp_path: Path) -> None:
    pd.DataFrame({"path": ["a", "b", "c"], "label": [1, 0, None]}).to_parquet(tmp_path / "labels.parquet")
    rule = Table(file="labels.parquet", path="path", label="label", map={"1.0": "cat", "0.0": "dog"})
    labelled = apply_rule(Labels(rule="table", table=rule), tmp_path, ["a", "b", "c"])
    assert told(labelled) == {"a": "cat", "b": "dog"}
    assert left_out(labelled) == {"c": "has an empty label in labels.parquet"}


def test_several_labels_an_image_are_joined(tmp_path: Path) -> None:
    text = "path,label\na,haze primary\nb, clear \nc,\nd,primary\nd,haze primary\n"
    labelled = table(tmp_path, text, ["a", "b", "c", "d"], label_separator=" ")
    assert list(labelled.rows.columns) == ["path", "labels", "group"]
    assert told(labelled, "labels") == {"a": "haze|primary", "b": "clear", "c": "", "d": "haze|primary"}
    assert left_out(labelled) == {}


def test_a_label_must_not_hold_what_joins_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^the label 'a\|b' holds '\|', which graft puts between labels"):
        table(tmp_path, "path,label\na,a|b;c\n", ["a"], label_separator=";")
