"""A preset changes what it names and leaves everything else as it stands."""

import shutil
from pathlib import Path

import pytest

from graft.apps.use import presets
from graft.core import params
from graft.core.errors import ParamsError
from graft.labels.rules import Labels
from graft.source.config import Source
from graft.split.config import Split

ROOT = Path(__file__).parents[3]

PARAMS = """\
# why the file is as it is
lr: 0.003   # the one number
source:
  uri: 'old'
  licence: none
labels:
  rule: table   # how
  table:
    file: a.csv
augment:
  flip: dihedral   # both ways
  rotate: 0.0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with params.yaml and no preset yet, neither its own nor of graft's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(presets, "FOLDERS", (tmp_path / "shipped", Path("presets")))
    for name in ("presets", "shipped"):
        (tmp_path / name).mkdir()
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def preset(folder: Path, name: str, text: str) -> None:
    """Write a preset."""
    (folder / "presets" / f"{name}.yaml").write_text(text)


def apply(name: str) -> list[str]:
    """Write a preset into params.yaml."""
    values, _ = presets.read_preset(name)
    return presets.write_values(values, Path("params.yaml"))


def test_a_dry_run_tells_and_does_nothing(folder: Path) -> None:
    assert presets.write_values({"lr": 0.01}, Path("params.yaml"), dry_run=True) == ["lr: 0.003 -> 0.01"]
    assert (folder / "params.yaml").read_text() == PARAMS


def test_what_a_preset_says_about_itself_is_no_value(folder: Path) -> None:
    preset(folder, "one", "about: |\n  Needs a login.\nlr: 1.0\n")
    assert presets.read_preset("one") == ({"lr": 1.0}, "Needs a login.")


def test_long_values_are_told_in_short(folder: Path) -> None:
    (line,) = presets.write_values(
        {"labels": {"rule": "table", "table": {"file": "a.csv"}, "pattern": "x" * 99}}, Path("params.yaml")
    )
    assert line == f"labels.pattern: None -> {'x' * 77}..."


def test_names_are_sorted(folder: Path) -> None:
    for name in ("pets", "dogs", "a-b"):
        preset(folder, name, "lr: 1\n")
    (folder / "presets" / "notes.txt").write_text("")
    assert presets.names() == ["a-b", "dogs", "pets"]


def test_a_preset_of_the_project_comes_before_one_of_graft(folder: Path) -> None:
    for name, rate in (("one", 1), ("two", 2)):
        (folder / "shipped" / f"{name}.yaml").write_text(f"lr: {rate}.0\n")
    preset(folder, "two", "lr: 3.0\n")
    assert presets.names() == ["one", "two"]
    assert [presets.read_preset(name)[0] for name in ("one", "two")] == [{"lr": 1.0}, {"lr": 3.0}]


def test_only_what_is_named_changes_and_comments_stay(folder: Path) -> None:
    preset(folder, "one", "lr: 0.01\naugment:\n  rotate: 10.0\n")
    assert apply("one") == ["lr: 0.003 -> 0.01", "augment.rotate: 0.0 -> 10.0"]
    expected = PARAMS.replace("lr: 0.003 ", "lr: 0.01 ").replace("rotate: 0.0", "rotate: 10.0")
    assert [line.split() for line in (folder / "params.yaml").read_text().splitlines()] == [
        line.split() for line in expected.splitlines()
    ]


@pytest.mark.parametrize(
    ("text", "section", "value", "changed"),
    [
        (
            "labels:\n  rule: folder\n",
            "labels",
            {"rule": "folder"},
            ["labels.rule: table -> folder", "labels.table: {'file': 'a.csv'} -> removed"],
        ),
        (
            "labels:\n  rule: table\n  table:\n    path: p\n",
            "labels",
            {"rule": "table", "table": {"path": "p"}},
            ["labels.table.path: None -> p", "labels.table.file: a.csv -> removed"],
        ),
        (
            "source:\n  uri: new\n",
            "source",
            {"uri": "new"},
            ["source.uri: old -> new", "source.licence: none -> removed"],
        ),
        (
            "augment:\n  zoom: 1.1\n",
            "augment",
            {"flip": "dihedral", "rotate": 0.0, "zoom": 1.1},
            ["augment.zoom: None -> 1.1"],
        ),
        ("split:\n  by: random\n", "split", {"by": "random"}, ["split: None -> {'by': 'random'}"]),
    ],
    ids=["a key goes", "an inner key goes", "source", "others keep their keys", "a new section"],
)
def test_what_describes_the_images_is_replaced_whole(
    folder: Path, text: str, section: str, value: object, changed: list[str]
) -> None:
    preset(folder, "one", text)
    assert apply("one") == changed
    assert params.parse_yaml((folder / "params.yaml").read_text())[section] == value


def test_what_is_written_reads_as_by_hand(folder: Path) -> None:
    before = """\
source:
  uri: here   # where
  licence: none   # whose

# how labels follow
labels:
  rule: table   # how
  table:
    file: a.csv
    bins:
      edges: [1.0, 2.0]

split:
  by: random
  folds: null   # or a number
  stratify: [label, type]   # columns

seed: 1
"""
    after = """\
source:
  uri: a/much/longer/place   # where
  licence: none   # whose
  sha256: ab

# how labels follow
labels:
  rule: regex   # how
  pattern: x

split:
  by: column
  folds: null   # or a number
  stratify: [label]   # columns
  column: null

seed: 1
"""
    (folder / "params.yaml").write_text(before)
    values = {
        "source": {"uri": "a/much/longer/place", "licence": "none", "sha256": "ab"},
        "labels": {"rule": "regex", "pattern": "x"},
        "split": {"by": "column", "folds": None, "stratify": ["label"], "column": None},
    }
    assert presets.write_values(values, Path("params.yaml"))
    assert (folder / "params.yaml").read_text() == after


def test_the_shipped_file_survives_another_preset_and_back(folder: Path) -> None:
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(ROOT / "presets", folder / "presets", dirs_exist_ok=True)
    assert apply("pets-official")
    assert apply("solar-cells")
    before, after = ((at / "params.yaml").read_text().splitlines() for at in (ROOT, folder))
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert all(old.partition("   #")[0] == new for old, new in moved)  # of what was removed, the comments are gone
    assert [new.strip() for _, new in moved] == ["bins:", "runs:"]


def test_applying_what_already_stands_does_not_touch_the_file(folder: Path) -> None:
    preset(folder, "one", "source:\n  uri: old\n  licence: none\n")
    before = (folder / "params.yaml").stat()
    assert apply("one") == []
    assert (folder / "params.yaml").read_text() == PARAMS
    assert (folder / "params.yaml").stat().st_mtime_ns == before.st_mtime_ns


def test_quotes_stay(folder: Path) -> None:
    preset(folder, "one", "lr: 1.0\n")
    apply("one")
    assert "uri: 'old'\n" in (folder / "params.yaml").read_text()


def test_an_unknown_preset_is_answered_with_the_nearest(folder: Path) -> None:
    preset(folder, "solar-cells", "lr: 1\n")
    preset(folder, "pets", "lr: 1\n")
    with pytest.raises(ParamsError, match=r"no preset 'solar' \(did you mean 'solar-cells'\?\); there are pets, solar"):
        apply("solar")
    assert (folder / "params.yaml").read_text() == PARAMS


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "presets").glob("*.yaml")))
def test_a_shipped_preset_gives_params_that_are_valid(folder: Path, name: str) -> None:
    shutil.copytree(ROOT / "presets", folder / "presets", dirs_exist_ok=True)
    shutil.copy(ROOT / "params.yaml", folder)
    apply(name)
    values = params.load(folder / "params.yaml")
    values["source"].setdefault("uri", "where the user says")
    for section, kind in (("source", Source), ("labels", Labels), ("split", Split)):
        params.check(section, kind, values[section])
    assert {"folds", "fold"} <= values["split"].keys()  # `dvc exp run -S` changes only what stands there
    assert apply(name) == []


def test_presets_name_the_same_knobs_so_that_none_is_left_over_from_another() -> None:
    def config(value: object, where: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {where}
        return {name for key, inner in value.items() for name in config(inner, f"{where}.{key}")}

    kept = {
        file.stem: {key: value for key, value in values.items() if key not in presets.WHOLE}
        for file in (ROOT / "presets").glob("*.yaml")
        for values in [params.parse_yaml(file.read_text())]
    }
    recipes = {"dogs-vs-cats-alexnet"}  # which set the training, too, and say so
    for name, values in kept.items():
        told = values.pop(presets.ABOUT, "")
        assert config(values) >= config(kept["solar-cells"])
        assert (
            (config(values) > config(kept["solar-cells"])) == (name in recipes) == ("git checkout params.yaml" in told)
        )


def test_presets_of_backbones_are_apart(folder: Path) -> None:
    (folder / "shipped/backbones").mkdir()
    (folder / "shipped/backbones/tiny.yaml").write_text("backbone: {name: resnet18}\n")
    (folder / "presets/one.yaml").write_text("lr: 1\n")
    assert (presets.names(), presets.names(presets.BACKBONES)) == (["one"], ["tiny"])
    assert presets.read_preset("tiny", presets.BACKBONES)[0] == {"backbone": {"name": "resnet18"}}
    with pytest.raises(ParamsError, match=r"no preset 'tin' of a backbone \(did you mean 'tiny'\?\); there are tiny"):
        presets.read_preset("tin", presets.BACKBONES)
