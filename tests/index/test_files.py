"""Every file gets one verdict: a picture, or rejected with a reason."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.index import files
from graft.index.files import Index, Picture, Rejected, examine

Draw = Callable[[int, int, int], Image.Image]

PICTURES = {
    "a.png",
    "cat/b.JPG",
    "cat/no-suffix",
    "dog/über das Bild.png",
    ".hidden.png",
    "dog/linked.png",
    "z/y/x.gif",
}
OTHERS = {"empty.jpg", "notes.txt", "cat/cut.jpg", "dog/broken-link.png", "Thumbs.db", "dog/pipe", "cat/wrong.png"}


@pytest.fixture
def messy(tmp_path: Path, draw: Draw) -> Path:
    """A folder as people have them."""
    root = tmp_path / "messy"
    for folder in ("cat", "dog", "z/y", "nothing here"):
        (root / folder).mkdir(parents=True)
    draw(0, 12, 8).save(root / "a.png")
    draw(1, 128, 128).save(root / "cat" / "b.JPG", format="JPEG", quality=95)
    draw(2, 12, 8).save(root / "cat" / "no-suffix", format="PNG")
    draw(3, 12, 8).save(root / "dog" / "über das Bild.png")
    draw(4, 12, 8).save(root / ".hidden.png")
    draw(5, 12, 8).save(root / "z" / "y" / "x.gif")
    (root / "dog" / "linked.png").symlink_to(root / "a.png")
    (root / "empty.jpg").touch()
    (root / "notes.txt").write_text("not a picture")
    (root / "cat" / "cut.jpg").write_bytes((root / "cat" / "b.JPG").read_bytes()[:-200])
    (root / "cat" / "wrong.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 64)
    (root / "Thumbs.db").write_bytes(bytes(range(256)))
    (root / "dog" / "broken-link.png").symlink_to(root / "nowhere.png")
    os.mkfifo(root / "dog" / "pipe")
    return root


@pytest.mark.parametrize("chunk", [1, 3, 1024])
def test_every_file_is_accounted_for_exactly_once(messy: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK", chunk)
    verdicts = list(examine(messy))
    there = sorted(path.relative_to(messy).as_posix() for path in messy.rglob("*") if not path.is_dir())
    assert len(there) == len(PICTURES) + len(OTHERS)
    assert [verdict.path for verdict in verdicts] == there
    assert {verdict.path for verdict in verdicts if isinstance(verdict, Picture)} == PICTURES
    assert {verdict.path for verdict in verdicts if isinstance(verdict, Rejected)} == OTHERS


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty.jpg", "cannot identify image file"),
        ("notes.txt", "cannot identify image file"),
        ("cat/cut.jpg", "image file is truncated"),
        ("dog/broken-link.png", "not a regular file, or a link that leads nowhere"),
        ("dog/pipe", "not a regular file"),
    ],
)
def test_a_rejected_file_has_a_reason_in_one_line(messy: Path, name: str, said: str) -> None:
    reasons = {verdict.path: verdict.reason for verdict in examine(messy) if isinstance(verdict, Rejected)}
    assert said in reasons[name]
    assert all(reason and "\n" not in reason and str(messy) not in reason for reason in reasons.values())


def test_the_hash_is_that_of_the_bytes(messy: Path) -> None:
    for verdict in examine(messy):
        if isinstance(verdict, Picture):
            assert verdict.sha256 == hashlib.sha256((messy / verdict.path).read_bytes()).hexdigest()


def test_an_empty_folder_has_no_file(tmp_path: Path) -> None:
    assert list(examine(tmp_path)) == []


def only(root: Path) -> Picture:
    """The verdict on the only file of a folder."""
    (verdict,) = examine(root)
    assert isinstance(verdict, Picture)
    return verdict


def test_size_is_that_of_the_upright_picture(tmp_path: Path, draw: Draw) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(0, 40, 30).save(tmp_path / "a.jpg", exif=exif)
    assert (only(tmp_path).width, only(tmp_path).height) == (30, 40)


def fingerprints(root: Path) -> dict[str, str]:
    """Fingerprint of the pixels of every picture."""
    return {verdict.path: verdict.pixels for verdict in examine(root) if isinstance(verdict, Picture)}


def test_two_encodings_of_one_picture_share_their_pixels(tmp_path: Path, draw: Draw) -> None:
    draw(0, 12, 8).save(tmp_path / "a.png")
    draw(0, 12, 8).save(tmp_path / "b.bmp")
    draw(1, 12, 8).save(tmp_path / "c.png")
    found = fingerprints(tmp_path)
    assert found["a.png"] == found["b.bmp"] != found["c.png"]


def test_the_same_bytes_in_another_shape_are_another_picture(tmp_path: Path) -> None:
    pixels = np.arange(36, dtype=np.uint8)
    Image.fromarray(pixels.reshape(3, 4, 3)).save(tmp_path / "wide.png")
    Image.fromarray(pixels.reshape(4, 3, 3)).save(tmp_path / "high.png")
    found = fingerprints(tmp_path)
    assert found["wide.png"] != found["high.png"]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_any_share_may_be_rejected(share: float) -> None:
    assert Index(max_rejected=share).max_rejected == share


@pytest.mark.parametrize(("share", "said"), [(-0.1, "greater than or equal to 0"), (1.1, "less than or equal to 1")])
def test_a_share_lies_between_nothing_and_all(share: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Index(max_rejected=share)


def test_a_linked_folder_is_not_passed_over(tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere")
    (verdict,) = examine(tmp_path / "set")
    assert verdict == Rejected("link", "not a regular file, or a link that leads nowhere")
