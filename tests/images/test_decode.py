"""Any file becomes an upright RGB image, or is refused with a reason."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from graft.images import decode as module
from graft.images.decode import (
    MAX_PIXELS,
    MAX_SCANS,
    NO_END,
    NotAnImageError,
    Square,
    TooManyPixelsError,
    UnreadableError,
    decode,
    too_many_scans,
    upright_rgb,
)
from graft.images.depth import USUAL_DEPTH

Draw = Callable[[int, int, int], Image.Image]

ORIENTATION = 0x0112
LYING = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10

# what EXIF means by each number, in numpy's words
UPRIGHT = {
    1: LYING,
    2: LYING[:, ::-1],
    3: LYING[::-1, ::-1],
    4: LYING[::-1],
    5: LYING.transpose(1, 0, 2),
    6: np.rot90(LYING, -1),
    7: LYING[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(LYING, 1),
}


def pixels(image: Image.Image) -> list[tuple[int, ...]]:
    """Pixels row by row."""
    assert image.mode == "RGB"
    return [tuple(map(int, pixel)) for pixel in np.asarray(image).reshape(-1, 3)]


@pytest.mark.parametrize("orientation", list(UPRIGHT))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(LYING).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / "a.png").image), UPRIGHT[orientation])


def test_a_phone_jpeg_stands_upright(tmp_path: Path, draw: Draw) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = draw(0, 48, 32)
    lying.save(tmp_path / "a.jpg", exif=exif, quality=95)
    upright = decode(tmp_path / "a.jpg").image
    assert upright.size == (32, 48)
    wanted = np.rot90(np.asarray(lying), -1).astype(int)
    assert np.abs(np.asarray(upright).astype(int) - wanted).mean() < 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0neither order", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03", b"Exif\0\0"],
    ids=["no header", "cut off", "empty"],
)
def test_broken_exif_leaves_the_image_as_it_lies(tmp_path: Path, draw: Draw, exif: bytes) -> None:
    draw(0, 24, 16).save(tmp_path / "a.jpg", exif=exif)
    assert decode(tmp_path / "a.jpg").image.size == (24, 16)


def test_orientation_that_cannot_be_applied_leaves_the_image_as_it_lies(
    tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: Image.Image) -> Image.Image:
        raise struct.error("unpack requires a buffer of 2 bytes")

    monkeypatch.setattr(ImageOps, "exif_transpose", fail)
    draw(0, 24, 16).save(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / "a.png").image), np.asarray(draw(0, 24, 16)))


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    np.testing.assert_allclose(pixels(decode(tmp_path / "a.jpg").image), [(255, 0, 0)] * 64, atol=3)


def test_16_bit_grey_is_scaled_not_cut(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 256, 0x80FF, 65535]], dtype=np.uint16)).save(tmp_path / "a.png")
    assert pixels(decode(tmp_path / "a.png").image) == [(v, v, v) for v in (0, 0, 1, 128, 255)]


def test_32_bit_grey_is_taken_as_16_bit(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0x80FF, 65535, 70000]], dtype=np.int32)).save(tmp_path / "a.tif")
    assert pixels(decode(tmp_path / "a.tif", depth=USUAL_DEPTH).image) == [(v, v, v) for v in (0, 128, 255, 255)]


def test_palette_with_transparency_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([200, 0, 0, 0, 0, 200, 0, 200, 0])
    for place in range(3):
        image.putpixel((place, 0), place)
    image.save(tmp_path / "a.png", transparency=0)
    assert pixels(decode(tmp_path / "a.png").image) == [(255, 255, 255), (0, 0, 200), (0, 200, 0)]


@pytest.mark.parametrize(
    ("mode", "colour", "shown"),
    [
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (0, 51), (204, 204, 204)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("RGB", (1, 2, 3), (1, 2, 3)),
    ],
    ids=["opaque", "clear", "a fifth black", "a fifth black grey", "grey", "bilevel", "rgb"],
)
def test_modes(tmp_path: Path, mode: str, colour: int | tuple[int, ...], shown: tuple[int, ...]) -> None:
    Image.new(mode, (2, 1), colour).save(tmp_path / "a.png")
    assert pixels(decode(tmp_path / "a.png").image) == [shown] * 2


def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "a.gif") as written:
        assert getattr(written, "n_frames", 1) == 2
    assert pixels(decode(tmp_path / "a.gif").image) == [(255, 0, 0)] * 16


def jpeg_bytes(path: Path, draw: Draw) -> bytes:
    """Bytes of a whole JPEG."""
    draw(0, 128, 128).save(path, quality=95)
    return path.read_bytes()


def huge_png() -> bytes:
    """A file of a few bytes that claims 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda whole: whole[:-200], "OSError: image file is truncated"),
        (lambda whole: whole[:20], "not a picture in a format that is read|OSError"),
        (lambda whole: b"", "not a picture in a format that is read"),
        (lambda whole: b"a note, not a picture\n", "not a picture in a format that is read"),
        (lambda whole: huge_png(), f"the picture has more than {MAX_PIXELS} pixels"),
    ],
    ids=["truncated", "head only", "empty", "text", "bomb"],
)
def test_what_cannot_be_decoded_has_a_reason(
    tmp_path: Path, draw: Draw, make: Callable[[bytes], bytes], said: str
) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(make(jpeg_bytes(file, draw)))
    with pytest.raises(UnreadableError, match=said) as caught:
        decode(file)
    reason = str(caught.value)
    assert reason.strip()
    assert "\n" not in reason
    assert str(tmp_path) not in reason


def test_a_reason_has_one_line_whatever_the_decoder_says(
    tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: Image.Image, mode: str) -> None:
        raise SyntaxError(f"broken\nin {tmp_path / 'a.png'}")

    draw(0, 8, 8).convert("L").save(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "convert", fail)
    with pytest.raises(UnreadableError, match=r"^SyntaxError: broken in a\.png$"):
        decode(tmp_path / "a.png")


@pytest.mark.parametrize(("name", "said"), [("", "IsADirectoryError"), ("none.jpg", "there is no such file")])
def test_what_is_no_file_has_a_reason(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        decode(tmp_path / name)


def test_too_many_pixels_are_refused(tmp_path: Path, draw: Draw) -> None:
    draw(0, 12, 10).save(tmp_path / "a.png")
    with pytest.raises(TooManyPixelsError, match=r"^12 x 10 is over 119 pixels$"):
        decode(tmp_path / "a.png", max_pixels=119)
    assert decode(tmp_path / "a.png", max_pixels=120).image.size == (12, 10)


def test_of_the_formats_some_may_be_left_out(tmp_path: Path, draw: Draw) -> None:
    draw(0, 12, 10).save(tmp_path / "a.ppm")
    assert decode(tmp_path / "a.ppm").format == "PPM"
    with pytest.raises(NotAnImageError, match=r"^not a picture in a format that is read \(JPEG, PNG\)$"):
        decode(tmp_path / "a.ppm", formats=("JPEG", "PNG"))


def test_a_jpeg_of_too_many_scans_is_refused_before_it_is_decoded(draw: Draw) -> None:
    out = BytesIO()
    draw(0, 64, 48).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    assert decode(BytesIO(whole)).image.size == (64, 48)
    with pytest.raises(UnreadableError, match=r"^a JPEG of more than 100 scans, which may take minutes"):
        decode(BytesIO(whole[:-2] + last * 100 + whole[-2:]))


@pytest.mark.parametrize(
    ("size", "shrink_to", "decoded"),
    [((256, 192), 16, (64, 48)), ((256, 192), 12, (32, 24)), ((256, 192), 96, (256, 192)), ((40, 30), 16, (40, 30))],
    ids=["a quarter", "an eighth", "not below twice", "small already"],
)
def test_a_jpeg_is_decoded_at_a_fraction(
    tmp_path: Path, draw: Draw, size: tuple[int, int], shrink_to: int, decoded: tuple[int, int]
) -> None:
    draw(0, *size).save(tmp_path / "a.jpg", quality=95)
    shrunk = decode(tmp_path / "a.jpg", shrink_to=shrink_to).image
    assert shrunk.size == decoded
    square = Square(shrink_to)
    whole = square.of(decode(tmp_path / "a.jpg").image).astype(int)
    assert np.abs(square.of(shrunk).astype(int) - whole).mean() < 3
    np.testing.assert_array_equal(square.read(tmp_path / "a.jpg"), square.of(shrunk))


def test_a_square_keeps_the_whole_image() -> None:
    wide = np.zeros((16, 64, 3), dtype=np.uint8)
    wide[:, :32, 0] = 255
    wide[:, 32:, 2] = 255
    small = Square(8).of(Image.fromarray(wide))
    assert small.shape == (8, 8, 3)
    assert small.dtype == np.uint8
    np.testing.assert_allclose(small[:, :3], np.broadcast_to((255, 0, 0), (8, 3, 3)), atol=25)
    np.testing.assert_allclose(small[:, 5:], np.broadcast_to((0, 0, 255), (8, 3, 3)), atol=25)


@pytest.mark.parametrize(("crop", "first", "last"), [(0.0, 0, 64), (0.5, 12, 52), (1.0, 24, 40)])
@pytest.mark.parametrize("upright", [False, True])
def test_a_share_of_what_the_longer_side_has_over_is_cut_off(crop: float, first: int, last: int, upright: bool) -> None:
    # a ramp 64 long and 16 wide: the first and the last column tell which part of it is kept
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (16, 64, 3))
    ramp = ramp.transpose(1, 0, 2) if upright else ramp
    small = Square(8, crop).of(Image.fromarray(np.ascontiguousarray(ramp))).astype(float)
    row = (small.transpose(1, 0, 2) if upright else small)[4, :, 0]
    step = (last - first) / 8
    np.testing.assert_allclose(row[1:-1], 4 * (first + step * (np.arange(8) + 0.5) - 0.5)[1:-1], atol=2)


@pytest.mark.parametrize(
    ("size", "first", "last"), [((64, 16), 3, 5), ((64, 23), 2, 5), ((64, 1), 3, 4), ((8, 5), 1, 6)]
)
@pytest.mark.parametrize("upright", [False, True])
def test_a_border_makes_a_square_of_the_whole_image(
    size: tuple[int, int], first: int, last: int, upright: bool
) -> None:
    image = Image.new("RGB", size, (200, 100, 50))
    square = Square(8, padding=(1, 2, 3)).of(image.transpose(Image.Transpose.ROTATE_90) if upright else image)
    expected = np.full((8, 8, 3), (1, 2, 3))
    expected[first:last] = (200, 100, 50)
    np.testing.assert_array_equal(square, expected.transpose(1, 0, 2) if upright else expected)


def test_within_a_border_the_image_is_only_made_smaller() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 120, 3), dtype=np.uint8))
    small = image.resize((40, 20), Image.Resampling.BICUBIC, reducing_gap=3.0)
    np.testing.assert_array_equal(Square(40, padding=(0, 0, 0)).of(image)[10:30], np.asarray(small))


def test_a_shrunk_jpeg_is_cropped_where_the_whole_one_is(tmp_path: Path, draw: Draw) -> None:
    draw(0, 401, 256).save(tmp_path / "a.jpg", quality=95)
    square = Square(32, crop=0.6)
    whole = square.of(decode(tmp_path / "a.jpg").image).astype(int)
    assert decode(tmp_path / "a.jpg", shrink_to=32).image.size == (101, 64)
    assert np.abs(square.read(tmp_path / "a.jpg").astype(int) - whole).mean() < 3


def test_a_square_of_the_right_size_is_not_resampled(draw: Draw) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8))
    np.testing.assert_array_equal(Square(9).of(image), np.asarray(image))


def test_a_square_may_grow(draw: Draw) -> None:
    np.testing.assert_array_equal(Square(5).of(Image.new("RGB", (3, 2), (9, 8, 7))), np.full((5, 5, 3), (9, 8, 7)))


@pytest.mark.parametrize(
    ("name", "mode", "config"),
    [
        ("a.avif", "RGB", {}),
        ("a.webp", "RGB", {}),
        ("a.webp", "RGBA", {"lossless": True}),
        ("a.tif", "RGB", {"compression": "tiff_lzw"}),
        ("a.tif", "CMYK", {}),
        ("a.jpg", "CMYK", {"quality": 95}),
        ("a.jp2", "RGB", {}),
        ("a.bmp", "RGB", {}),
        ("a.ppm", "RGB", {}),
        ("a.gif", "P", {}),
        ("a.png", "RGB;16", {}),
    ],
)
def test_formats_show_the_colour_they_were_given(
    tmp_path: Path, name: str, mode: str, config: dict[str, object]
) -> None:
    colour = (200, 100, 50)
    if mode == "RGB;16":
        _write_16_bit_png(tmp_path / name, colour)
    else:
        plain = Image.new("RGB", (16, 16), colour)
        (plain.quantize(4) if mode == "P" else plain.convert(mode)).save(tmp_path / name, **config)  # type: ignore[arg-type]
    decoded = decode(tmp_path / name)
    np.testing.assert_allclose(np.asarray(decoded.image)[8, 8], colour, atol=4)
    assert decoded.image.size == (16, 16)


def _write_16_bit_png(path: Path, colour: tuple[int, int, int]) -> None:
    """16 bits a channel, which Pillow itself cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    row = b"\0" + b"".join(struct.pack(">H", level << 8) for level in colour) * 16
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 16)) + chunk(b"IEND", b"")
    )


def test_floats_are_shares_or_8_bit_levels(tmp_path: Path) -> None:
    for top, shown in ((1.0, 255), (200.0, 200)):
        levels = np.full((4, 4), top, dtype=np.float32)
        levels[0, 0], levels[1, 1] = np.nan, -5
        Image.fromarray(levels).save(tmp_path / "a.tif")
        grey = np.asarray(decode(tmp_path / "a.tif", depth=USUAL_DEPTH).image)[..., 0]
        assert (grey[3, 3], grey[0, 0], grey[1, 1]) == (shown, 0, 0)


def test_negative_levels_are_black(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-7, 65535]], dtype=np.int32)).save(tmp_path / "a.tif")
    found = decode(tmp_path / "a.tif", depth=USUAL_DEPTH)
    assert np.asarray(found.image)[0, :, 0].tolist() == [0, 255]
    assert found.span == (-7, 65535)


def test_without_a_depth_a_wide_image_shows_its_own_extremes(tmp_path: Path) -> None:
    Image.fromarray(np.array([[1000, 1500, 2000]], dtype=np.uint16)).save(tmp_path / "a.png")
    assert np.asarray(decode(tmp_path / "a.png").image)[0, :, 0].tolist() == [0, 127, 255]
    assert decode(tmp_path / "a.png").span == (1000, 2000)


def test_an_image_of_eight_bits_has_no_span(tmp_path: Path, draw: Draw) -> None:
    draw(0, 8, 8).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png").span is None


def test_what_is_no_image_is_told_from_what_is_damaged(tmp_path: Path, draw: Draw) -> None:
    (tmp_path / "a.jpg").write_bytes(b"text")
    with pytest.raises(NotAnImageError):
        decode(tmp_path / "a.jpg")
    draw(0, 64, 64).save(tmp_path / "b.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:100])
    with pytest.raises(UnreadableError) as caught:
        decode(tmp_path / "b.png")
    assert not isinstance(caught.value, NotAnImageError)


def test_postscript_is_not_handed_to_another_program(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(NotAnImageError):
        decode(tmp_path / "a.eps")


def test_an_image_that_is_open_is_brought_upright_and_stays_as_it_is(draw: Draw) -> None:
    lying = draw(0, 6, 4)
    lying.getexif()[ORIENTATION] = 6
    before = lying.tobytes()
    upright = upright_rgb(lying, USUAL_DEPTH)
    np.testing.assert_array_equal(np.asarray(upright), np.rot90(np.asarray(lying), -1))
    assert (lying.size, lying.tobytes()) == ((6, 4), before)
    grey = Image.new("LA", (2, 1), (0, 51))
    assert pixels(upright_rgb(grey, USUAL_DEPTH)) == [(204, 204, 204)] * 2
    assert grey.mode == "LA"


def test_an_image_that_is_open_is_held_to_the_same_limit(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 11)
    with pytest.raises(UnreadableError, match="4 x 3 is over 11 pixels"):
        upright_rgb(draw(0, 4, 3), USUAL_DEPTH)


HEAD, END = b"\xff\xd8", b"\xff\xd9"
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x12\xff\x00\x34\xff\xd0\x56"


def segment(code: int, content: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2) + content


@pytest.mark.parametrize("piece", [5, 16, 2**16])
@pytest.mark.parametrize(
    ("content", "too_many"),
    [
        (HEAD + SCAN * MAX_SCANS + END, False),
        (HEAD + SCAN * (MAX_SCANS + 1) + END, True),
        (HEAD + SCAN * (MAX_SCANS + 1), True),  # cut off
        (HEAD + b"\xff" * 9 + (SCAN + b"\xff" * 70) * (MAX_SCANS + 1) + END, True),  # filled up
        (HEAD + SCAN + END + SCAN * MAX_SCANS, False),  # a film behind the end
        (HEAD + segment(0xE1, SCAN * 200) + SCAN + END, False),  # in a tag
        (HEAD + segment(0xE1, b"\xff\xd9") + SCAN * (MAX_SCANS + 1), True),
        (HEAD + SCAN * 3 + b"\xff" * 99, False),
        (b"\xff\xda" * (MAX_SCANS + 1) + b"\xff", False),  # no scan has so little in it
        (b"", False),
    ],
)
def test_scans_are_counted_up_to_the_end(
    monkeypatch: pytest.MonkeyPatch, content: bytes, too_many: bool, piece: int
) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    file = BytesIO(content)
    file.seek(min(3, len(content)))
    assert too_many_scans(file) is too_many
    assert file.tell() == min(3, len(content))


@pytest.mark.parametrize("options", [{}, {"subsampling": 0, "quality": 95}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_lacks_its_end_mark_alone_is_whole(draw: Draw, options: dict[str, int]) -> None:
    file = BytesIO()
    draw(0, 200, 152).save(file, "JPEG", **options)
    whole = file.getvalue()
    expected = np.asarray(decode(BytesIO(whole)).image)
    for cut in (1, 2):
        found = decode(BytesIO(whole[:-cut]))
        assert found.note == NO_END
        assert np.array_equal(np.asarray(found.image), expected)
    assert decode(BytesIO(whole)).note == ""


@pytest.mark.parametrize("cut", [5, 20, 200])
def test_a_jpeg_that_lacks_pixels_is_damaged(draw: Draw, cut: int) -> None:
    file = BytesIO()
    draw(0, 200, 152).save(file, "JPEG")
    with pytest.raises(UnreadableError, match="truncated"):
        decode(BytesIO(file.getvalue()[:-cut]))


def test_a_progressive_jpeg_without_its_end_mark_may_lack_scans(draw: Draw) -> None:
    file = BytesIO()
    draw(0, 200, 152).save(file, "JPEG", progressive=True)
    with pytest.raises(UnreadableError, match="truncated"):
        decode(BytesIO(file.getvalue()[:-2]))
