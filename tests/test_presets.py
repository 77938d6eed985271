"""A preset changes what it names and leaves everything else as it stands."""

import shutil
from pathlib import Path

import pytest

from graft import params, presets
from graft.errors import ParamsError
from graft.index.labels import Labels
from graft.source.settings import Source
from graft.split.assign import Split

ROOT = Path(__file__).parents[1]

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
    """A working folder with params.yaml and no preset yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "presets").mkdir()
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def preset(folder: Path, name: str, text: str) -> None:
    """Write a preset."""
    (folder / "presets" / f"{name}.yaml").write_text(text)


def test_names_are_sorted(folder: Path) -> None:
    for name in ("pets", "dogs", "a-b"):
        preset(folder, name, "lr: 1\n")
    (folder / "presets" / "notes.txt").write_text("")
    assert presets.names() == ["a-b", "dogs", "pets"]


def test_only_what_is_named_changes_and_comments_stay(folder: Path) -> None:
    preset(folder, "one", "lr: 0.01\naugment:\n  rotate: 10.0\n")
    assert presets.apply_preset("one", Path("params.yaml")) == ["lr: 0.003 -> 0.01", "augment.rotate: 0.0 -> 10.0"]
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
def test_what_describes_the_pictures_is_replaced_whole(
    folder: Path, text: str, section: str, value: object, changed: list[str]
) -> None:
    preset(folder, "one", text)
    assert presets.apply_preset("one", Path("params.yaml")) == changed
    assert params.parse_yaml((folder / "params.yaml").read_text())[section] == value


def test_applying_what_already_stands_does_not_touch_the_file(folder: Path) -> None:
    preset(folder, "one", "source:\n  uri: old\n  licence: none\n")
    before = (folder / "params.yaml").stat()
    assert presets.apply_preset("one", Path("params.yaml")) == []
    assert (folder / "params.yaml").read_text() == PARAMS
    assert (folder / "params.yaml").stat().st_mtime_ns == before.st_mtime_ns


def test_quotes_stay(folder: Path) -> None:
    preset(folder, "one", "lr: 1.0\n")
    presets.apply_preset("one", Path("params.yaml"))
    assert "uri: 'old'\n" in (folder / "params.yaml").read_text()


def test_an_unknown_preset_is_answered_with_the_nearest(folder: Path) -> None:
    preset(folder, "solar-cells", "lr: 1\n")
    preset(folder, "pets", "lr: 1\n")
    with pytest.raises(ParamsError, match=r"no preset 'solar' \(did you mean 'solar-cells'\?\); there are pets, solar"):
        presets.apply_preset("solar", Path("params.yaml"))
    assert (folder / "params.yaml").read_text() == PARAMS


@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "presets").glob("*.yaml")))
def test_a_shipped_preset_gives_params_that_are_valid(folder: Path, name: str) -> None:
    shutil.copytree(ROOT / "presets", folder / "presets", dirs_exist_ok=True)
    shutil.copy(ROOT / "params.yaml", folder)
    presets.apply_preset(name, Path("params.yaml"))
    values = params.load(folder / "params.yaml")
    for section, kind in (("source", Source), ("labels", Labels), ("split", Split)):
        params.check(section, kind, values[section])
    assert presets.apply_preset(name, Path("params.yaml")) == []
