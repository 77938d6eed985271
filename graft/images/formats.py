"""Which files are images: by their names, and by what they begin with."""

from pathlib import Path

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "QOI", "SGI")
"""What is read. Formats that Pillow only hands to other programs (EPS), or that have no mark by which
they could be told from noise (TGA), are not among them."""

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("apng", "avif", "avifs", "bmp", "bw", "dib", "gif", "j2c", "j2k", "jfif", "jp2", "jpc", "jpe", "jpeg"),
        *("jpf", "jpg", "jpx", "pbm", "pfm", "pgm", "png", "pnm", "ppm", "qoi", "rgb", "rgba", "sgi", "tif"),
        *("tiff", "webp"),
    )
)
"""Names, in lower case, that promise a format that is read."""

IMAGE_SUFFIXES = SUFFIXES | {
    *(".heic", ".heif", ".jxl", ".svg", ".ico", ".tga", ".psd", ".eps"),
    *(".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"),
}
"""Names that promise any image: such a file that cannot be decoded is bad, not merely beside the images."""

OTHER_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("txt", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "md", "html", "htm", "pdf", "log", "py", "ipynb"),
        *("parquet", "mat", "npy", "npz", "pkl", "pt", "h5", "zip", "tar", "gz", "tgz", "7z", "rar", "db", "ini"),
    )
)
"""Names that promise something else, so that the content need not be asked."""

MARKS: tuple[tuple[str, int, bytes], ...] = (
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("GIF", 0, b"GIF87a"),
    ("GIF", 0, b"GIF89a"),
    ("TIFF", 0, b"II*\0"),
    ("TIFF", 0, b"MM\0*"),
    ("WEBP", 8, b"WEBP"),
    ("AVIF", 4, b"ftypavif"),
    ("AVIF", 4, b"ftypavis"),
    ("JPEG2000", 4, b"jP  \r\n\x87\n"),
    ("JPEG2000", 0, b"\xffO\xffQ"),
    ("BMP", 0, b"BM"),
    ("QOI", 0, b"qoif"),
    ("HEIC", 4, b"ftyphei"),
    ("HEIC", 4, b"ftypmif1"),
    ("JPEG XL", 4, b"JXL \r\n\x87\n"),
)
"""What an image begins with: its format, from which byte, which bytes. Marks of a byte or two are left out, for
text has them too, but for that of BMP, beside which four bytes are zero."""


def format_of(begin: bytes) -> str:
    """Format of an image by its first 16 bytes, of `FORMATS` or of another kind; empty if they are of none."""
    for name, start, mark in MARKS:
        if begin.startswith(mark, start) and (name != "BMP" or begin[6:10] == bytes(4)):
            return name
    return ""


def is_image(path: Path) -> bool:
    """Whether a file is an image by its name, or, where that promises nothing, by what it begins with.

    A file that cannot be opened is none, nor is what is no regular file.
    """
    suffix = path.suffix.lower()
    return suffix in IMAGE_SUFFIXES or (suffix not in OTHER_SUFFIXES and bool(format_of(first_bytes(path))))


def first_bytes(path: Path) -> bytes:
    """First 16 bytes of a regular file; none where it is no such file or cannot be read."""
    try:
        if not path.is_file():  # to open a pipe would wait for its writer
            return b""
        with path.open("rb", buffering=0) as file:
            return file.read(16)
    except OSError:
        return b""
