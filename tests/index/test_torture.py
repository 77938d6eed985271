"""A folder of everything that goes wrong with files: nothing crashes, blocks, changes or gets lost."""

import hashlib
import os
import shutil
import socket
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from graft.core import tables
from graft.index.scan import ImageFile, Rejected, examine
from tests.images.test_decode import huge_png

Draw = Callable[[int, int, int], Image.Image]

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
    (root / "linked-folder").symlink_to(root / "deep")
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(root)  # the name of a socket must be short
        listening.bind("socket.jpg")
        os.chdir(here)
    return {*contents, "nowhere.jpg", "loop.jpg", "linked-folder", "pipe.jpg", "socket.jpg"}


def aside(root: Path, draw: Draw) -> set[str]:
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


def test_each_nasty_file_gets_the_verdict_it_deserves_and_none_is_lost_or_changed(tmp_path: Path, draw: Draw) -> None:
    root = tmp_path / "torture"
    root.mkdir()
    images, wrong, others = good(root, draw), bad(root), aside(root, draw)
    (root / os.fsdecode(b"not-utf8-\xff.jpg")).write_bytes((root / "plain.jpg").read_bytes())
    locked = root / "locked.jpg"
    shutil.copy(root / "plain.jpg", locked)
    locked.chmod(0)
    (images if ROOT_READS_ALL else wrong).add("locked.jpg")
    wrong.add("not-utf8-\\xff.jpg")
    before = digest(root) if ROOT_READS_ALL else {}

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # as the stage does
        verdicts = list(examine(root))

    # an independent count: what `find` would list, folders left out
    there = sum(
        len(files) + sum(Path(at, name).is_symlink() for name in folders) for at, folders, files in os.walk(root)
    )
    assert there == len(images) + len(wrong) + len(others) == len(verdicts) >= 40
    assert {verdict.path for verdict in verdicts if isinstance(verdict, ImageFile)} == images
    rejected = [verdict for verdict in verdicts if isinstance(verdict, Rejected)]
    assert {verdict.path for verdict in rejected if verdict.kind == "bad"} == wrong
    assert {verdict.path for verdict in rejected if verdict.kind == "aside"} == others
    assert all(
        verdict.reason and "\n" not in verdict.reason and str(root) not in verdict.reason for verdict in rejected
    )
    assert not before or digest(root) == before


def test_nasty_names_survive_the_tables(tmp_path: Path, draw: Draw) -> None:
    names = sorted(good(tmp_path, draw))
    tables.write(tmp_path / "images.csv", tables.pd.DataFrame({"path": names}))
    assert tables.read(tmp_path / "images.csv")["path"].tolist() == names


@pytest.mark.skipif(ROOT_READS_ALL, reason="root reads what has no permission")
def test_a_locked_folder_is_named(tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    assert [verdict.path for verdict in examine(tmp_path)] == ["locked"]
