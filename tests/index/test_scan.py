"""Every file gets one verdict: a picture, or rejected with a reason."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.core import parallel
from graft.index.scan import ImageFile, Rejected, examine

Draw = Callable[[int, int, int], Image.Image]

IMAGES = {
    "a.png",
    "cat/b.JPG",
    "cat/no-suffix",
    "dog/über das Bild.png",
    "dog/linked.png",
    "z/y/x.gif",
}
BAD = {"empty.jpg", "cat/cut.jpg", "dog/broken-link.png", "dog/pipe", "cat/wrong.png"}
ASIDE = {".hidden.png", "notes.txt", "Thumbs.db"}


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


@pytest.mark.parametrize("cores", [1, 3, 64])
def test_every_file_is_accounted_for_exactly_once(messy: Path, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "cores", lambda: cores)
    verdicts = list(examine(messy))
    there = sorted(path.relative_to(messy).as_posix() for path in messy.rglob("*") if not path.is_dir())
    assert len(there) == len(IMAGES) + len(BAD) + len(ASIDE)
    assert [verdict.path for verdict in verdicts] == there
    assert {verdict.path for verdict in verdicts if isinstance(verdict, ImageFile)} == IMAGES
    rejected = [verdict for verdict in verdicts if isinstance(verdict, Rejected)]
    assert {verdict.path for verdict in rejected if verdict.kind == "bad"} == BAD
    assert {verdict.path for verdict in rejected if verdict.kind == "aside"} == ASIDE


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty.jpg", "empty: zero bytes"),
        ("cat/wrong.png", "not a picture in a format that is read (JPEG, "),
        ("notes.txt", "no picture, by its name (.txt) and its content"),
        ("cat/cut.jpg", "image file is truncated"),
        ("dog/broken-link.png", "a link that leads nowhere"),
        ("dog/pipe", "not a regular file but a pipe, socket or device"),
        (".hidden.png", "hidden: its name, or its folder's, begins with a dot or is a system's, such as __MACOSX"),
    ],
)
def test_a_rejected_file_has_a_reason_in_one_line(messy: Path, name: str, said: str) -> None:
    reasons = {verdict.path: verdict.reason for verdict in examine(messy) if isinstance(verdict, Rejected)}
    assert said in reasons[name]
    assert all(reason and "\n" not in reason and str(messy) not in reason for reason in reasons.values())


def test_the_hash_is_that_of_the_bytes(messy: Path) -> None:
    for verdict in examine(messy):
        if isinstance(verdict, ImageFile):
            assert verdict.sha256 == hashlib.sha256((messy / verdict.path).read_bytes()).hexdigest()


def test_an_empty_folder_has_no_file(tmp_path: Path) -> None:
    assert list(examine(tmp_path)) == []


def only(root: Path) -> ImageFile:
    """The verdict on the only file of a folder."""
    (verdict,) = examine(root)
    assert isinstance(verdict, ImageFile)
    return verdict


def test_size_is_that_of_the_upright_image(tmp_path: Path, draw: Draw) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(0, 40, 30).save(tmp_path / "a.jpg", exif=exif)
    assert (only(tmp_path).width, only(tmp_path).height) == (30, 40)


def fingerprints(root: Path) -> dict[str, str]:
    """Digest of the pixels of every picture."""
    return {verdict.path: verdict.look.pixels for verdict in examine(root) if isinstance(verdict, ImageFile)}


def test_two_encodings_of_one_image_share_their_pixels(tmp_path: Path, draw: Draw) -> None:
    draw(0, 12, 8).save(tmp_path / "a.png")
    draw(0, 12, 8).save(tmp_path / "b.bmp")
    draw(1, 12, 8).save(tmp_path / "c.png")
    found = fingerprints(tmp_path)
    assert found["a.png"] == found["b.bmp"] != found["c.png"]


def test_the_same_bytes_in_another_shape_are_another_image(tmp_path: Path) -> None:
    pixels = np.arange(36, dtype=np.uint8)
    Image.fromarray(pixels.reshape(3, 4, 3)).save(tmp_path / "wide.png")
    Image.fromarray(pixels.reshape(4, 3, 3)).save(tmp_path / "high.png")
    found = fingerprints(tmp_path)
    assert found["wide.png"] != found["high.png"]


def test_only_what_matches_a_pattern_is_read(messy: Path) -> None:
    verdicts = {verdict.path: verdict for verdict in examine(messy, ["*/b.*", "z/*"])}
    assert {path for path, verdict in verdicts.items() if isinstance(verdict, ImageFile)} == {"cat/b.JPG", "z/y/x.gif"}
    cut = verdicts["cat/cut.jpg"]
    assert cut == Rejected("cat/cut.jpg", "aside", "matches no pattern of index.only")
    assert len(verdicts) == len(IMAGES) + len(BAD) + len(ASIDE)


def test_what_the_file_says_of_itself_comes_along(tmp_path: Path, draw: Draw) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Maker", "Model\n7", "2020:01:02 03:04:05"
    draw(0, 40, 30).convert("CMYK").save(tmp_path / "a.jpg", exif=exif)
    found = only(tmp_path)
    assert (found.format, found.mode, found.camera, found.taken) == (
        "JPEG",
        "CMYK",
        "Maker Model 7",
        "2020:01:02 03:04:05",
    )
    assert found.bytes == (tmp_path / "a.jpg").stat().st_size


def test_a_linked_folder_is_not_passed_over(tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere")
    (verdict,) = examine(tmp_path / "set")
    assert verdict == Rejected("link", "bad", "a link to a folder, which is not followed")
