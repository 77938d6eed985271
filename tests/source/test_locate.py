"""What a user names becomes a path, or an error that says why not."""

from pathlib import Path

import pytest

from graft.core.addresses import is_remote
from graft.core.errors import SourceError
from graft.source.locate import locate


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with data whose code must not run."""
    root = tmp_path / "site" / "cells_of_glass"
    (root / "data").mkdir(parents=True)
    (root / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (root / "data" / "labels.csv").write_text("path,label\n")
    monkeypatch.syspath_prepend(str(root.parent))
    return root


def test_a_file_in_a_package_is_found_without_running_it(package: Path) -> None:
    assert locate("package://cells_of_glass/data/labels.csv") == package / "data" / "labels.csv"
    assert locate("package://cells_of_glass/data") == package / "data"
    assert locate("package://cells_of_glass") == package


def test_a_path_is_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    assert locate("images").resolve() == tmp_path / "images"
    assert locate(str(tmp_path / "images")) == tmp_path / "images"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/pictures") == tmp_path / "images"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nowhere/at/all", "^nowhere/at/all: nothing lies at nowhere/at/all$"),
        ("package://cells_of_glass/none", "^package://cells_of_glass/none: nothing lies at .*/cells_of_glass/none$"),
        (
            "package://cells_of_tin/data",
            r"the package 'cells_of_tin' is not installed; try `pip install cells-of-tin`$",
        ),
        ("package://this/data", "the package 'this' is not installed"),
        ("package://cells.of/data", "'cells.of' is no package name; expected package://NAME/PATH$"),
        ("package:///data", "'' is no package name; expected package://NAME/PATH$"),
        ("package://cells_of_glass/../other", "'../other' leads out of the package$"),
        ("package://cells_of_glass//etc/passwd", "'/etc/passwd' leads out of the package$"),
        ("file:///tmp/a.zip", "^file:///tmp/a.zip: write the path itself, without file://$"),
        ("~no-such-user/a.zip", "^~no-such-user/a.zip: there is no such user$"),
    ],
    ids=["path", "in a package", "no package", "a module", "dotted", "no name", "upwards", "absolute", "file", "user"],
)
def test_what_is_not_there_is_said(uri: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        locate(uri)


def test_a_link_out_of_a_package_is_not_followed(package: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (package / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError, match="'link' leads out of the package"):
        locate("package://cells_of_glass/link")


@pytest.mark.parametrize(
    ("uri", "remote"),
    [
        ("https://a.org/b.zip", True),
        ("HTTP://a.org/b.zip", True),
        ("s3://bucket/b.zip", True),
        ("hf://datasets/a/b", True),
        ("package://a/b", False),
        ("file:///a", False),
        ("a/b", False),
        ("C:/a", False),
        ("a b://c", False),
    ],
)
def test_an_address_is_told_from_a_path(uri: str, remote: bool) -> None:
    assert is_remote(uri) is remote
