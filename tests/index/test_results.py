"""A scan that was killed goes on from its last part, and what it had found comes back as it was."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from graft.core import tables
from graft.data.raw import names
from graft.index import results as module
from graft.index import scan as scanning
from graft.index.fingerprints import FingerprintStore
from graft.index.results import ImageFile, Parts, Rejected
from graft.index.scan import scan, scan_tables

Draw = Callable[[int, int, int], Image.Image]


@pytest.fixture
def images(tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten images, of one, two and four bytes a value, and three files that cannot be used; four files a part."""
    monkeypatch.setattr(module, "PART", 4)
    root = tmp_path / "images"
    root.mkdir()
    for number in range(8):
        draw(number, 20, 12).save(root / f"{number}.png")
    Image.new("I;16", (5, 4), 700).save(root / "wide.png")
    Image.new("F", (5, 4), 0.1).save(root / "wider.tif")
    (root / "3b.png").write_bytes(b"")
    (root / "notes.txt").write_text("no picture")
    (root / os.fsdecode(b"\xff.png")).write_bytes(b"")
    return root


def tabled(found: list[ImageFile | Rejected], folder: Path) -> tuple[bytes, bytes, list[str], list[int], bytes, bytes]:
    """All that the index keeps of results."""
    prints = FingerprintStore(folder / "thumbnails")
    there, rejected = scan_tables(iter(found), prints)
    for name, table in (("images.csv", there), ("rejected.csv", rejected)):
        tables.write(folder / name, table)
    return (
        (folder / "images.csv").read_bytes(),
        (folder / "rejected.csv").read_bytes(),
        prints.pixels,
        prints.hashes.tolist(),
        prints.thumbnails.tobytes(),
        prints.chroma.tobytes(),
    )


def watched(monkeypatch: pytest.MonkeyPatch, until: int = 1000) -> list[str]:
    """Names of the files that are scanned from now on; the scan is killed at one of them."""
    opened: list[str] = []
    scan_file = scanning._scan_file

    def watch(top: Path, config: object, table: str, margin: float, item: tuple[str, object]) -> object:
        if len(opened) == until:
            raise KeyboardInterrupt
        opened.append(item[0])
        return scan_file(top, config, table, margin, item)  # type: ignore[arg-type]

    monkeypatch.setattr(scanning, "_scan_file", watch)
    monkeypatch.setattr("graft.core.parallel.cores", lambda: 1)
    return opened


@pytest.mark.parametrize("until", [0, 3, 5, 9, 12])
def test_a_scan_that_was_killed_goes_on_from_its_last_part(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: int
) -> None:
    expected = tabled(list(scan(images)), tmp_path)
    with monkeypatch.context() as patch:
        watched(patch, until)
        with pytest.raises(KeyboardInterrupt):
            list(scan(images, unfinished=tmp_path / "parts"))
    opened = watched(monkeypatch)
    assert tabled(list(scan(images, unfinished=tmp_path / "parts")), tmp_path) == expected
    assert opened == names(images)[until // 4 * 4 :]


def test_what_is_done_is_not_done_again(images: Path, tmp_path: Path) -> None:
    whole = list(scan(images, unfinished=tmp_path / "parts"))
    parts = Parts(tmp_path / "parts", images, names(images))
    assert (parts.files, len(list(parts.kept())), len(whole)) == (12, 12, 13)


def test_a_file_that_changed_since_makes_all_new(images: Path, tmp_path: Path, draw: Draw) -> None:
    before = tabled(list(scan(images, unfinished=tmp_path / "parts")), tmp_path)
    draw(99, 21, 12).save(images / "0.png")
    assert Parts(tmp_path / "parts", images, names(images)).files == 0
    after = tabled(list(scan(images, unfinished=tmp_path / "parts")), tmp_path)
    assert after == tabled(list(scan(images)), tmp_path) != before
    (images / "7.png").unlink()
    assert Parts(tmp_path / "parts", images, names(images)).files == 0


@pytest.mark.parametrize("bytes_left", [0, 70, 1000])
def test_a_part_that_is_not_whole_is_done_again(images: Path, tmp_path: Path, bytes_left: int) -> None:
    """As the disk may leave it where the power failed."""
    list(scan(images, unfinished=tmp_path / "parts"))
    os.truncate(tmp_path / "parts/000001.jsonl", bytes_left)
    assert Parts(tmp_path / "parts", images, names(images)).files == 4
