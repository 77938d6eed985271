"""However a picture is given, its pixels are those that `presize` stores."""

from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graft.core.errors import SourceError
from graft.images.decode import Square, UnreadableError
from graft.predict.inputs import Source, name_of, pixels_of
from tests.predict.tiny import SIZE

SQUARE = Square(SIZE, crop=0.5)


def gradient(width: int = 20, height: int = 14) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return Image.fromarray(values)


def turned(mode: str) -> tuple[Image.Image, dict[str, Any]]:
    """A picture of a mode, and how to save it so that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = gradient()
    if mode == "I;16":
        wide = np.asarray(image.convert("L")).astype(np.uint16) * 257
        return Image.fromarray(wide), {"exif": exif}
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(np.arange(20 * 14, dtype=np.uint16).astype(np.uint8).reshape(14, 20)))
    return image.convert(mode), {"exif": exif}


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [(mode, "png") for mode in ("RGB", "L", "LA", "RGBA", "P", "1", "I;16")] + [("CMYK", "jpg"), ("RGB", "jpg")],
)
def test_path_content_and_open_file_give_the_pixels_of_the_cache(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    image, saved = turned(mode)
    image.save(path, **saved)
    wanted = SQUARE.read(path)
    assert wanted.shape == (SIZE, SIZE, 3)
    with path.open("rb") as file:
        sources: list[Source] = [path, str(path), path.read_bytes(), BytesIO(path.read_bytes()), file]
        for source in sources:
            np.testing.assert_array_equal(pixels_of(source, SQUARE), wanted)
    with Image.open(path) as opened:
        before = opened.size
        np.testing.assert_array_equal(pixels_of(opened, SQUARE), wanted)
        assert opened.size == before  # the caller's picture stays as it is


def test_an_image_in_memory_needs_no_file(tmp_path: Path) -> None:
    image = gradient()
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels_of(image, SQUARE), pixels_of(tmp_path / "a.png", SQUARE))


class Broken:
    name = "camera"

    def read(self) -> bytes:
        raise SourceError("the lens\nis shut")


class Silent:
    def read(self) -> bytes:
        raise TimeoutError("too long")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Broken(), "the lens is shut"),
        (Silent(), "TimeoutError: too long"),
        (b"", "not a picture in a format that is read"),
        (b"no picture", "not a picture in a format that is read"),
        (Path("gone.png"), "FileNotFoundError: .*'gone.png'"),
        ("gone\n.png", r"FileNotFoundError: .*gone\\n.png"),
        ("https://example.org/a.png", "is an address, and a predictor reads files: give what lies there, as bytes"),
        ("file:///a.png", "is an address; give the path itself, without file://"),
    ],
)
def test_what_cannot_be_read_says_why_in_one_line(source: Source, said: str) -> None:
    with pytest.raises(UnreadableError, match=said) as error:
        pixels_of(source, SQUARE)
    assert "\n" not in str(error.value)


def test_a_truncated_image_that_is_open_says_so(tmp_path: Path) -> None:
    gradient(200, 200).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    with Image.open(BytesIO(content[:-2000])) as image, pytest.raises(UnreadableError, match="truncated"):
        pixels_of(image, SQUARE)


def test_content_may_lie_in_any_kind_of_bytes(tmp_path: Path) -> None:
    gradient().save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    wanted = pixels_of(content, SQUARE)
    for source in (bytearray(content), memoryview(content)):
        np.testing.assert_array_equal(pixels_of(source, SQUARE), wanted)


def test_an_array_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError, match=r"^ndarray: a picture is .* such as Image.fromarray\(array\)$"):
        pixels_of(np.zeros((4, 4, 3), dtype=np.uint8), SQUARE)  # type: ignore[arg-type]


def test_text_in_place_of_bytes_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError):
        pixels_of(StringIO("text"), SQUARE)  # type: ignore[arg-type]


def test_names(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    gradient().save(path)
    with path.open("rb") as file:
        assert name_of(file) == str(path)
    assert name_of("./a b.png") == "./a b.png"
    assert name_of(path) == str(path)
    assert [name_of(source) for source in (b"", BytesIO(), gradient())] == ["", "", ""]
