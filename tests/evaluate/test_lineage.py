"""Every input is held to its content."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from graft.evaluate.lineage import digests, versions


def test_digests_and_versions(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"path\n" * 1000)
    assert digests([file]) == {file.as_posix(): hashlib.sha256(b"path\n" * 1000).hexdigest()}
    assert versions()["numpy"] == version("numpy")
    assert all(versions().values())
