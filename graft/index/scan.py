"""Find every file, decode it once, and say of each whether it is a picture or why not."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal

from graft.core.files import sha256
from graft.core.parallel import in_order
from graft.core.progress import bar
from graft.data.raw import is_litter, names
from graft.images.decode import NotAnImageError, UnreadableError, decode
from graft.index.fingerprints import Look, look

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "dib", "tif", "tiff", "webp", "avif", "jp2", "j2k", "jpx"),
        *("ppm", "pgm", "pbm", "pnm", "qoi", "sgi", "heic", "heif", "jxl", "svg", "ico", "tga", "psd", "eps"),
        *("raw", "cr2", "cr3", "nef", "arw", "dng", "orf", "rw2", "raf"),
    )
)
"""Names that promise a picture: such a file that is none is bad, not merely beside the pictures."""

Kind = Literal["bad", "aside"]
"""``bad``: should have been a picture and cannot be used; ``aside``: never meant as one."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that decodes.

    `width` and `height` are those of the upright picture; `sha256` is of the file's `bytes` bytes;
    `format`, `mode`, `camera` and `taken` are what the file says of itself (see `Decoded`).
    """

    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    mode: str
    camera: str
    taken: str
    look: Look


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that is no usable picture, and why."""

    path: str
    kind: Kind
    reason: str


def examine(root: Path, only: Sequence[str] = ()) -> Iterator[ImageFile | Rejected]:
    """Yield one verdict for every file below a folder, in order of path.

    Decoding runs in threads (Pillow's decoders release the interpreter lock); a bounded number
    of files is under way at once, whatever the size of the dataset. No file is changed, and
    nothing that is not a regular file is opened.

    Args:
        root: the folder.
        only: patterns of paths; with any, files that match none are set aside unread.
    """
    paths = names(root)
    with bar("index", len(paths)) as progress:
        for verdict in in_order(lambda name: _verdict(root, name, only), paths):
            progress.update()
            yield verdict


class _AsideError(Exception):
    """The file was never meant as a picture of this dataset."""


def _verdict(root: Path, name: str, only: Sequence[str]) -> ImageFile | Rejected:
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    try:
        _admit(name, shown, only)
        return _image(root / name, name)
    except _AsideError as error:
        return Rejected(shown, "aside", str(error))
    except UnreadableError as error:
        return Rejected(shown, "bad", str(error))
    except OSError as error:
        return Rejected(shown, "bad", f"cannot be read: {error.strerror}")


def _admit(name: str, shown: str, only: Sequence[str]) -> None:
    """Turn a file away by its name alone."""
    if is_hidden(name):
        raise _AsideError("hidden: its name, or its folder's, begins with a dot or is a system's, such as __MACOSX")
    if only and not any(fnmatchcase(name, pattern) for pattern in only):
        raise _AsideError("matches no pattern of index.only")
    if shown != name:
        raise UnreadableError("its name is not UTF-8; rename it")


def is_hidden(name: str) -> bool:
    """Whether a path leads through a name that begins with a dot, or through what systems put beside pictures."""
    return is_litter(name) or any(part.startswith(".") for part in PurePosixPath(name).parts)


def _image(path: Path, name: str) -> ImageFile:
    if unusual := _unusual(path):
        raise UnreadableError(unusual)
    with path.open("rb") as file:
        try:
            decoded = decode(file)
        except NotAnImageError as error:
            if path.suffix.lower() in IMAGE_SUFFIXES:
                if file.seek(0, os.SEEK_END) == 0:
                    raise UnreadableError("empty: zero bytes") from error
                raise
            named = path.suffix or "no suffix"
            raise _AsideError(f"no picture, by its name ({named}) and its content") from error
        size = file.seek(0, os.SEEK_END)
    return ImageFile(
        path=name,
        sha256=sha256(path),
        bytes=size,
        width=decoded.image.width,
        height=decoded.image.height,
        format=decoded.format,
        mode=decoded.mode,
        camera=decoded.camera,
        taken=decoded.taken,
        look=look(decoded.image),
    )


def _unusual(path: Path) -> str | None:
    """Say what a path is when it is not a regular file."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return "a link that leads nowhere"
    if stat.S_ISDIR(facts.st_mode):
        return "a link to a folder, which is not followed" if path.is_symlink() else "the folder cannot be read"
    if not stat.S_ISREG(facts.st_mode):
        return "not a regular file but a pipe, socket or device"
    return None
