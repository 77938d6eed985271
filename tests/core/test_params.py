"""params.yaml is read as DVC reads it, and what is wrong in it is said so that it can be mended."""

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from ruamel.yaml import YAML

from graft.augment.config import Augment
from graft.core import params
from graft.core.errors import ParamsError
from graft.core.seeds import Seed
from graft.evaluate.config import Evaluate
from graft.export.config import Export
from graft.finetune.config import Finetune
from graft.images.presize import Presize
from graft.index.config import Index
from graft.labels.rules import Labels
from graft.optim.config import LearningRate
from graft.split.assign import Split

KEYS = ("lr", "seed", "augment")
COMPLETE = "lr: 1\nseed: 1\naugment: 1\n"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("3e-3", 0.003),
        ("1e-05", 1e-5),
        ("-.inf", -math.inf),
        ("010", 10),
        ("1_000", 1000),
        ("", None),
        ("FALSE", False),
        ("yes", "yes"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("'3'", "3"),
    ],
    ids=repr,
)
def test_a_scalar_is_what_dvc_records(scalar: str, value: Any) -> None:
    read = params.parse_yaml(f"key: {scalar}\n")
    assert read == YAML(typ="safe").load(f"key: {scalar}\n")  # as DVC reads params.yaml
    assert repr(read["key"]) == repr(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr: 1\nseed: 2\nlr: 3\n", "the key 'lr' stands twice, again at line 3"),
        ("split:\n  by: group\n  by: random\n", "the key 'by' stands twice, again at line 3"),
        ("split: {by: [group\n", "not valid YAML"),
        ("lr: 1\n---\nlr: 2\n", "not valid YAML: but found another document, at line 2"),
        ("when: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("a: [{b: 2026-01-02}]\n", r"^a\.0\.b: 2026-01-02 is read as a date; put it in quotes to have it as text$"),
        ("a: !!set {b}\n", "^a: {'b'} is read as a set"),
        ("a: {[b]: 1}\n", r"^a\.\('b',\): a tuple cannot be a key"),
        ("a: \x00", "not valid YAML: .*special characters are not allowed"),
    ],
    ids=["key twice", "inner key twice", "broken", "two documents", "code", "date", "set", "odd key", "no text"],
)
def test_bad_yaml_is_refused(text: str, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        params.parse_yaml(text)


def test_load_returns_every_key(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(COMPLETE.replace("lr: 1\n", "lr: 3e-3\n"))
    assert params.load(file, KEYS) == params.load(file) == {"lr": 0.003, "seed": 1, "augment": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COMPLETE + "agment: 1\n", r"unknown key 'agment' \(did you mean 'augment'\?\); the keys are lr, seed, aug"),
        (COMPLETE + "zzzzzz: 1\n", r"unknown key 'zzzzzz'; the keys are lr, seed"),
        (COMPLETE + "7: 1\n", "unknown key 7; the keys are"),
        ("lr: 1\nseed: 1\n", "the key 'augment' is missing$"),
        ("- lr\n", r"expected a mapping of keys such as lr and seed; got \['lr'\]"),
        ("", "expected a mapping of keys .*; got null"),
        ("lr: 1\nlr: 2\n", "the key 'lr' stands twice"),
    ],
    ids=["misspelt", "unlike any", "a number", "missing", "a list", "empty", "twice"],
)
def test_load_names_the_file_and_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(ParamsError, match=said) as caught:
        params.load(file, KEYS)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_key_that_is_read_and_absent_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("agment: 1\n")
    with pytest.raises(ParamsError, match=r"params\.yaml: the key 'augment' is missing \(did you mean 'agment'\?\)$"):
        params.load(tmp_path / "params.yaml")["augment"]


def test_load_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml: no such file; graft runs in the folder"):
        params.load(tmp_path / "params.yaml")


class Inner(params.Section):
    """A section inside a section."""

    depth: int = Field(default=1, ge=0)


class Outer(params.Section):
    """A section with one of each kind of field."""

    rate: float = 0.5
    inner: Inner | None = None
    wide: bool = False


def test_check_returns_the_section() -> None:
    assert params.check("outer", Outer, {"rate": 1, "inner": {"depth": 3}}) == Outer(rate=1.0, inner=Inner(depth=3))


@pytest.mark.parametrize(
    ("key", "kind", "value", "said"),
    [
        ("lr", LearningRate, 0, "lr: input should be greater than 0; got 0"),
        ("lr", LearningRate, 11.0, "lr: input should be less than or equal to 10; got 11.0"),
        ("lr", LearningRate, math.nan, "lr: input should be less than or equal to 10; got nan"),
        ("lr", LearningRate, "fast", "lr: input should be a valid number.*; got 'fast'"),
        ("seed", Seed, -1, "seed: input should be greater than or equal to 0; got -1"),
        ("seed", Seed, 2**63, f"seed: input should be less than {2**63}; got {2**63}"),
        ("presize", Presize, None, "presize: input should be a mapping of crop, fit, quality, size, store; got null"),
        ("presize", Presize, {}, "^presize.size: missing$"),
        ("presize", Presize, {"size": 4}, "presize.size: input should be greater than or equal to 8; got 4"),
        ("presize", Presize, {"size": 64.0}, "presize.size: input should be a valid integer; got 64.0"),
        ("presize", Presize, {"size": "64"}, "presize.size: input should be a valid integer; got '64'"),
        ("outer", Outer, {"wide": 1}, "outer.wide: input should be a valid boolean; got 1"),
        ("outer", Outer, {"rate": "0.1"}, "outer.rate: input should be a valid number; got '0.1'"),
        ("outer", Outer, {"rate": True}, "outer.rate: input should be a valid number; got true"),
        (
            "outer",
            Outer,
            {"rat": 1.0},
            r"outer.rat: unknown key \(did you mean 'rate'\?\); the names are inner, rate, wide$",
        ),
        (
            "outer",
            Outer,
            {"inner": {"dpth": 1}},
            r"outer.inner.dpth: unknown key \(did you mean 'depth'\?\); the names are depth$",
        ),
        (
            "evaluate",
            Evaluate,
            {"precision": "bf-16"},
            r"evaluate.precision: input should be 'auto', 'fp32', 'bf16' or 'fp16'; got 'bf-16' \(did you mean 'bf16'",
        ),
        (
            "split",
            Split,
            {"by": "groups", "test": 0.2, "valid": 0.2},
            r"split.by: input should be 'random', 'group', .* or 'column'; got 'groups' \(did you mean 'group'\?\)",
        ),
        ("split", Split, {"by": "group", "test": 1.0, "valid": 0.2}, "split.test: .*less than 1; got 1.0"),
        ("labels", Labels, {"rule": "table"}, "^labels: the rule 'table' needs the key 'table'$"),
        (
            "labels",
            Labels,
            {"rule": "table", "table": {"file": "a", "path": "p", "label": "l", "colums": ["p"]}},
            r"labels.table.colums: unknown key \(did you mean 'columns'\?\); the names are bins, columns, comment",
        ),
        (
            "finetune",
            Finetune,
            {"unfreeze": [{"epoch": 2, "patern": "a"}]},
            r"finetune.unfreeze.0.patern: unknown key \(did you mean 'pattern'\?\); the names are epoch, pattern$",
        ),
        (
            "finetune",
            Finetune,
            {"unfreeze": [3]},
            "^finetune.unfreeze.0: input should be a mapping of epoch, pattern; got 3$",
        ),
        ("finetune", Finetune, {"sizes": []}, r"^finetune.sizes: input should have at least 1 item; got \[\]$"),
        ("finetune", Finetune, {"sizes": [[224, 0.5]]}, r"^finetune: sizes: the shares must add up to 1; got \[0.5\]$"),
        (
            "finetune",
            Finetune,
            {"dropout": "1"},
            "^finetune.dropout: input should be a valid number, or null; got '1'$",
        ),
        (
            "index",
            Index,
            {"near_duplicates": {"distanc": 3}},
            r"^index.near_duplicates.distanc: unknown key \(did you mean 'distance'\?\); the names are distance, ",
        ),
        (
            "index",
            Index,
            {"near_duplicates": {"distance": 9}},
            "^index.near_duplicates.distance: .* equal to 8; got 9$",
        ),
        (
            "index",
            Index,
            {"near_duplicates": "of"},
            r"^index.near_duplicates: input should be a mapping of .*, or 'off'; got 'of' \(did you mean 'off'\?",
        ),
        (
            "export",
            Export,
            {"int8": True},
            "^export.int8: input should be a mapping of calibrate, max_mismatches, or null; got true$",
        ),
        ("augment", Augment, {"rotat": None}, r"^augment.rotat: unknown key \(did you mean 'rotate'\?\); the names"),
    ],
    ids=lambda value: None if isinstance(value, type) else str(value)[:40],
)
def test_check_says_key_value_and_what_is_allowed(key: str, kind: Any, value: Any, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        params.check(key, kind, value)


def test_check_says_every_problem_on_a_line_of_its_own() -> None:
    with pytest.raises(ParamsError) as caught:
        params.check("split", Split, {"by": "group", "test": 0, "vald": 0.2})
    assert str(caught.value).splitlines() == [
        "split.test: input should be greater than 0; got 0",
        "split.valid: missing",
        "split.vald: unknown key (did you mean 'valid'?); "
        "the names are by, column, fold, folds, max_metadata_gain, seed, stratify, test, valid",
    ]


def test_a_section_cannot_be_changed() -> None:
    section = Presize(size=64)
    with pytest.raises(ValueError, match="frozen"):
        section.size = 32


@pytest.mark.parametrize("value", ["3e-3", True, None], ids=repr)
def test_a_top_level_value_is_not_converted(value: Any) -> None:
    with pytest.raises(ParamsError, match=r"^lr: input should be a valid number"):
        params.check("lr", LearningRate, value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"lr: \xff\n")
    with pytest.raises(ParamsError, match=r"params.yaml: 'utf-8' codec can't decode"):
        params.load(tmp_path / "params.yaml")
