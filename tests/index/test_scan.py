"""Each file is an image or rejected with a reason: nothing crashes, blocks, changes or gets lost."""

import hashlib
import os
import shutil
import socket
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageCms

from graft.core import parallel, tables
from graft.core.errors import DataError
from graft.index.config import Index
from graft.index.fingerprints import FingerprintStore, fingerprint
from graft.index.scan import COLUMNS, ImageFile, Rejected, check_bad_files, scan, scan_tables
from tests.images.test_decode import huge_png

Draw = Callable[[int, int, int], Image.Image]

IMAGES = {"a.png", "cat/b.JPG", "cat/no-suffix", "dog/über das Bild.png", "dog/linked.png", "z/y/x.gif"}
BAD = {"empty.jpg", "cat/cut.jpg", "dog/broken-link.png", "dog/pipe", "cat/wrong.png"}
OTHERS = {".hidden.png", "notes.txt", "Thumbs.db"}


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
    results = list(scan(messy))
    there = sorted(path.relative_to(messy).as_posix() for path in messy.rglob("*") if not path.is_dir())
    assert len(there) == len(IMAGES) + len(BAD) + len(OTHERS)
    assert [result.path for result in results] == there
    assert {result.path for result in results if isinstance(result, ImageFile)} == IMAGES
    rejected = [result for result in results if isinstance(result, Rejected)]
    assert {result.path for result in rejected if result.kind == "bad"} == BAD
    assert {result.path for result in rejected if result.kind == "other"} == OTHERS


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
    reasons = {result.path: result.reason for result in scan(messy) if isinstance(result, Rejected)}
    assert said in reasons[name]
    assert all(reason and "\n" not in reason and str(messy) not in reason for reason in reasons.values())


def test_the_hash_is_that_of_the_bytes(messy: Path) -> None:
    for result in scan(messy):
        if isinstance(result, ImageFile):
            assert result.sha256 == hashlib.sha256((messy / result.path).read_bytes()).hexdigest()


def test_an_empty_folder_has_no_file(tmp_path: Path) -> None:
    assert list(scan(tmp_path)) == []


def only(root: Path) -> ImageFile:
    """The result on the only file of a folder."""
    (result,) = scan(root)
    assert isinstance(result, ImageFile)
    return result


def test_size_is_that_of_the_upright_image(tmp_path: Path, draw: Draw) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(0, 40, 30).save(tmp_path / "a.jpg", exif=exif)
    assert (only(tmp_path).width, only(tmp_path).height) == (30, 40)


def fingerprints(root: Path) -> dict[str, str]:
    """Digest of the pixels of every picture."""
    return {result.path: result.fingerprint.pixels for result in scan(root) if isinstance(result, ImageFile)}


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


def taken(root: Path, *patterns: str) -> set[str]:
    """Paths of the images that patterns let in."""
    return {result.path for result in scan(root, Index(only=list(patterns))) if isinstance(result, ImageFile)}


def test_only_what_matches_a_pattern_is_read(messy: Path) -> None:
    results = {result.path: result for result in scan(messy, Index(only=["*/b.*", "z/*"]))}
    assert {path for path, result in results.items() if isinstance(result, ImageFile)} == {"cat/b.JPG", "z/y/x.gif"}
    assert results["cat/cut.jpg"] == Rejected("cat/cut.jpg", "other", "is left out by index.only")
    assert len(results) == len(IMAGES) + len(BAD) + len(OTHERS)


def test_patterns_may_leave_out_and_begin_at_the_top(messy: Path) -> None:
    assert taken(messy, "!*/cat/*") == {path for path in IMAGES if not path.startswith("cat/")}
    assert taken(messy, "*/dog/*", "!*/linked*") == {"dog/über das Bild.png"}
    assert taken(messy, "!cat/*", "!/dog/*") == {"a.png", "z/y/x.gif"}


def test_links_to_folders_within_are_followed_and_others_named(messy: Path) -> None:
    (messy / "inner").symlink_to("z/y")
    (messy / "outer").symlink_to(messy.parent)
    found = {result.path: result for result in scan(messy)}
    assert isinstance(found["inner/x.gif"], ImageFile)
    outer = found["outer"]
    assert isinstance(outer, Rejected)
    assert outer.kind == "bad"
    assert outer.reason.startswith("a link to a folder outside the source, or around itself, which is not followed")


def test_a_huge_panorama_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "wide.png").write_bytes(huge_png())
    (result,) = scan(tmp_path)
    assert isinstance(result, Rejected)
    assert result.reason.endswith("pixels, the most that is read: save it smaller, or cut it")


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


def image(path: str) -> ImageFile:
    """A result on a picture of no interest."""
    image = Image.new("RGB", (3, 2))
    return ImageFile(path, f"sha of {path}", 9, 3, 2, "PNG", "RGB", "", "", None, None, "", fingerprint(image))


def test_results_are_gathered_into_two_tables(tmp_path: Path) -> None:
    results: list[ImageFile | Rejected] = [image("a"), Rejected("b", "bad", "why"), image("c")]
    images, rejected = scan_tables(iter(results), FingerprintStore(tmp_path / "thumbnails"))
    assert images["path"].tolist() == ["a", "c"]
    assert images["sha256"].tolist() == ["sha of a", "sha of c"]
    assert images["width"].tolist() == [3, 3]
    assert rejected.to_dict("list") == {"path": ["b"], "kind": ["bad"], "reason": ["why"]}


def test_gathering_nothing_keeps_the_columns(tmp_path: Path) -> None:
    images, rejected = scan_tables(iter([]), FingerprintStore(tmp_path / "thumbnails"))
    assert tuple(images.columns) == COLUMNS
    assert list(rejected.columns) == ["path", "kind", "reason"]
    assert len(images) == len(rejected) == 0


def unusable(count: int, kind: str = "bad") -> pd.DataFrame:
    """A table of rejected files."""
    rows = {"path": [f"f{n}" for n in range(count)], "kind": [kind] * count, "reason": [f"r{n}" for n in range(count)]}
    return pd.DataFrame(rows, dtype=str)


@pytest.mark.parametrize(
    ("bad", "images", "share"),
    [(0, 10, 0.0), (1, 9, 0.1), (5, 5, 0.5), (10, 0, 1.0), (0, 0, 0.1)],
    ids=["none", "at the limit", "half", "all allowed", "no file"],
)
def test_limit_passes(bad: int, images: int, share: float) -> None:
    check_bad_files(unusable(bad), images, Index(max_bad=share))


@pytest.mark.parametrize(("bad", "images", "share"), [(1, 9, 0.0), (2, 8, 0.1), (10, 0, 0.99)])
def test_limit_stops_with_count_limit_and_reason(bad: int, images: int, share: float) -> None:
    said = rf"^{bad} of {bad + images} pictures cannot be used, over index.max_bad = {share:g}:\n  f0: r0"
    with pytest.raises(DataError, match=said):
        check_bad_files(unusable(bad), images, Index(max_bad=share))


def test_one_bad_file_is_enough_where_none_may_be_skipped() -> None:
    with pytest.raises(DataError, match=r"^1 of 100 pictures cannot be used, index.on_bad is 'fail':\n  f0: r0$"):
        check_bad_files(unusable(1), 99, Index(on_bad="fail"))


def test_other_files_do_not_count() -> None:
    check_bad_files(unusable(50, "other"), 1, Index(on_bad="fail", max_bad=0.0))


def test_limit_shows_the_first_ten() -> None:
    with pytest.raises(DataError) as caught:
        check_bad_files(unusable(12), 0, Index())
    assert str(caught.value).splitlines()[1:] == [*(f"  f{n}: r{n}" for n in range(10)), "  and 2 more"]


@pytest.mark.parametrize(("share", "said"), [(-0.1, "greater than or equal to 0"), (1.1, "less than or equal to 1")])
def test_a_share_lies_between_nothing_and_all(share: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Index(max_bad=share)


ROOT_READS_ALL = os.geteuid() == 0


def good(root: Path, draw: Draw) -> set[str]:
    """Files that are pictures, however odd; return their names."""
    rgb = draw(0, 40, 30)
    grey = np.asarray(rgb.convert("L"))
    wide = (grey.astype(np.uint16) << 8) + 1
    clear = rgb.convert("RGBA")
    clear.putalpha(Image.fromarray(grey))
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(rgb, *profiles, outputMode="LAB")
    assert lab is not None
    savings: dict[str, tuple[Image.Image, dict[str, object]]] = {
        "plain.jpg": (rgb, {}),
        "progressive.jpg": (rgb, {"progressive": True}),
        "cmyk.jpg": (rgb.convert("CMYK"), {}),
        "grey.jpg": (rgb.convert("L"), {}),
        "UPPER.JPG": (rgb, {"format": "JPEG"}),
        "upper.jpg": (draw(1, 40, 30), {}),  # collides with the last where case does not count
        "wrong-suffix.png": (rgb, {"format": "JPEG"}),
        "no-suffix": (rgb, {"format": "PNG"}),
        "rgb.png": (rgb, {}),
        "alpha.png": (clear, {}),
        "grey-alpha.png": (clear.convert("LA"), {}),
        "palette.png": (rgb.quantize(16), {}),
        "palette-transparent.png": (rgb.quantize(16), {"transparency": 0}),
        "palette-bytes.png": (rgb.quantize(4), {"transparency": b"\x00\x80\xff\x40"}),
        "bilevel.png": (rgb.convert("1"), {}),
        "16-bit.png": (Image.fromarray(wide), {}),
        "16-bit.tif": (Image.fromarray(wide), {}),
        "32-bit.tif": (Image.fromarray(grey.astype(np.int32) - 100), {}),
        "float.tif": (Image.fromarray(grey.astype(np.float32) / 255), {}),
        "cmyk.tif": (rgb.convert("CMYK"), {"compression": "tiff_lzw"}),
        "lab.tif": (lab, {}),
        "lossy.webp": (rgb, {}),
        "alpha.webp": (clear, {"lossless": True}),
        "a.avif": (rgb, {}),
        "a.bmp": (rgb, {}),
        "a.gif": (rgb, {}),
        "a.ppm": (rgb, {}),
        "a.jp2": (rgb, {}),
        "a.qoi": (rgb, {}) if ".qoi" in Image.registered_extensions() else (rgb, {"format": "PNG"}),
        "animated.gif": (rgb, {"save_all": True, "append_images": [draw(2, 40, 30)]}),
        "animated.webp": (rgb, {"save_all": True, "append_images": [draw(2, 40, 30)]}),
        "animated.png": (rgb, {"save_all": True, "append_images": [draw(2, 40, 30)]}),
        "pages.tif": (rgb, {"save_all": True, "append_images": [draw(2, 40, 30)]}),
        "one-pixel.png": (draw(3, 1, 1), {}),
        "line.png": (draw(3, 900, 1), {}),
        "broken-exif.jpg": (rgb, {"exif": b"Exif\x00\x00II*\x00\xff\xff\xff\xff"}),
        "turned.jpg": (rgb, {"exif": _orientation(6)}),
        "senseless-orientation.jpg": (rgb, {"exif": _orientation(77)}),
        "with space.jpg": (rgb, {}),
        "ünïcödé 写真 🐈.jpg": (rgb, {}),
        "new\nline.jpg": (rgb, {}),
        "carriage\rreturn.jpg": (rgb, {}),
        'comma,quote".jpg': (rgb, {}),
        "-rf.jpg": (rgb, {}),
        "a" * 251 + ".jpg": (rgb, {}),
        "$HOME `x` %s {path}.jpg": (rgb, {}),
    }
    for name, (image, config) in savings.items():
        image.save(root / name, **({"format": "JPEG"} if name.endswith(".jpg") else {}) | config)  # type: ignore[arg-type]
    linked = root / "deep" / "er"
    linked.mkdir(parents=True)
    (linked / "link.jpg").symlink_to(root / "plain.jpg")
    (root / "trailing-garbage.jpg").write_bytes((root / "plain.jpg").read_bytes() + b"garbage" * 99)
    return {*savings, "deep/er/link.jpg", "trailing-garbage.jpg"}


def bad(root: Path) -> set[str]:
    """Files that should be pictures and are none; return their names."""
    whole = (root / "plain.jpg").read_bytes()
    png = (root / "rgb.png").read_bytes()
    contents = {
        "empty.jpg": b"",
        "truncated.jpg": whole[: len(whole) // 2],
        "truncated.png": png[: len(png) // 2],
        "head.jpg": whole[:20],
        "text.jpg": b"404 not found",
        "page.png": b"<html><body>Access denied</body></html>",
        "noise.jpg": bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)),
        "bad-checksum.png": png[:40] + bytes([png[40] ^ 255]) + png[41:],
        "bomb.png": huge_png(),
        "vector.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "phone.heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
        "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }
    for name, content in contents.items():
        (root / name).write_bytes(content)
    (root / "nowhere.jpg").symlink_to(root / "gone.jpg")
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    (root / "linked-folder").symlink_to(root.parent)
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(root)  # the name of a socket must be short
        listening.bind("socket.jpg")
        os.chdir(here)
    return {*contents, "nowhere.jpg", "loop.jpg", "linked-folder", "pipe.jpg", "socket.jpg"}


def other(root: Path, draw: Draw) -> set[str]:
    """Files never meant as pictures; return their names."""
    others = {
        "labels.csv": b"path,label\n",
        "README.md": b"# pictures\n",
        "notes": b"",
        "archive.zip": b"PK\x05\x06" + bytes(18),
        ".DS_Store": b"\x00\x00\x00\x01Bud1",
        ".hidden.jpg": (root / "plain.jpg").read_bytes(),
        "._plain.jpg": b"\x00\x05\x16\x07",
        "Thumbs.db": b"\xd0\xcf\x11\xe0",
        "__MACOSX/plain.jpg": b"\x00\x05\x16\x07",
        ".cache/a.jpg": (root / "plain.jpg").read_bytes(),
    }
    for name, content in others.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    return set(others)


def _orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def digest(root: Path) -> dict[str, str]:
    """What each regular file holds, by an independent walk."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() + oct(path.stat().st_mode)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_each_nasty_file_gets_the_result_it_deserves_and_none_is_lost_or_changed(tmp_path: Path, draw: Draw) -> None:
    root = tmp_path / "torture"
    root.mkdir()
    images, wrong, others = good(root, draw), bad(root), other(root, draw)
    (root / os.fsdecode(b"not-utf8-\xff.jpg")).write_bytes((root / "plain.jpg").read_bytes())
    locked = root / "locked.jpg"
    shutil.copy(root / "plain.jpg", locked)
    locked.chmod(0)
    (images if ROOT_READS_ALL else wrong).add("locked.jpg")
    wrong.add("not-utf8-\\xff.jpg")
    before = digest(root) if ROOT_READS_ALL else {}

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # as the stage does
        results = list(scan(root))

    # an independent count: what `find` would list, folders left out
    there = sum(
        len(files) + sum(Path(at, name).is_symlink() for name in folders) for at, folders, files in os.walk(root)
    )
    assert there == len(images) + len(wrong) + len(others) == len(results) >= 40
    assert {result.path for result in results if isinstance(result, ImageFile)} == images
    rejected = [result for result in results if isinstance(result, Rejected)]
    assert {result.path for result in rejected if result.kind == "bad"} == wrong
    assert {result.path for result in rejected if result.kind == "other"} == others
    assert all(result.reason and "\n" not in result.reason and str(root) not in result.reason for result in rejected)
    assert not before or digest(root) == before


def test_nasty_names_survive_the_tables(tmp_path: Path, draw: Draw) -> None:
    names = sorted(good(tmp_path, draw))
    tables.write(tmp_path / "images.csv", tables.pd.DataFrame({"path": names}))
    assert tables.read(tmp_path / "images.csv")["path"].tolist() == names


@pytest.mark.skipif(ROOT_READS_ALL, reason="root reads what has no permission")
def test_a_locked_folder_is_named(tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    assert [result.path for result in scan(tmp_path)] == ["locked"]


def test_patterns_that_let_nothing_in_are_named() -> None:
    said = r"^index.only \['\*/images/\*'\] leaves out all 3 files, such as 'f0'; mend its patterns$"
    with pytest.raises(DataError, match=said):
        check_bad_files(unusable(3, "other"), 0, Index(only=["*/images/*"]))
