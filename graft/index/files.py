"""Find every file, decode it once, and say of each whether it is a picture or why not."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from graft.decode import UnreadableError, open_upright
from graft.errors import DataError
from graft.params import Section
from graft.progress import bar

CHUNK = 1024
"""Files under way at once: enough to keep every core busy, little enough to hold in memory."""


class Index(Section):
    """What the index accepts."""

    max_rejected: float = Field(default=0.1, ge=0, le=1)
    """Largest share of files that may be rejected before the stage stops and shows them."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that decodes.

    `width` and `height` are those of the upright picture; `sha256` is of the file's bytes and
    `pixels` of the decoded ones, so that two encodings of the same picture share it.
    """

    path: str
    sha256: str
    width: int
    height: int
    pixels: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that is no usable picture, and why."""

    path: str
    reason: str


def examine(root: Path) -> Iterator[Picture | Rejected]:
    """Yield one verdict for every file below a folder, in order of path.

    Decoding runs in threads (Pillow's decoders release the interpreter lock); a bounded number
    of files is under way at once, whatever the size of the dataset.
    """
    names = sorted(_files(root))
    with ThreadPoolExecutor(os.cpu_count()) as pool, bar("index", len(names)) as progress:
        for start in range(0, len(names), CHUNK):
            for verdict in pool.map(lambda name: _verdict(root, name), names[start : start + CHUNK]):
                progress.update()
                yield verdict


def _files(root: Path) -> Iterator[str]:
    """Names, relative to the root and with forward slashes, of everything that is not a folder."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: the folder cannot be read: {error.strerror}") from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        linked = [name for name in folders if Path(folder, name).is_symlink()]  # not followed, but not passed over
        for name in (*names, *linked):
            yield Path(folder, name).relative_to(root).as_posix()


def _verdict(root: Path, name: str) -> Picture | Rejected:
    path = root / name
    if not path.is_file():
        return Rejected(name, "not a regular file, or a link that leads nowhere")
    try:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        image = open_upright(path)
    except (UnreadableError, OSError) as error:
        return Rejected(name, str(error))
    size = f"{image.width}x{image.height}:".encode()
    return Picture(
        path=name,
        sha256=content,
        width=image.width,
        height=image.height,
        pixels=hashlib.sha256(size + image.tobytes()).hexdigest(),
    )
