"""One digest for a whole folder: any file added, removed, renamed or changed gives another.

The digest is sha256 over ``path NUL digest LF`` of every entry that is not a folder, in order of path.
Times, owners and permissions do not count, nor does what systems leave in folders that are looked at
(`is_litter`). What is not a regular file counts as its kind (`ODD`),
so that nothing can block the walk and nothing is passed over.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from graft.digest import sha256
from graft.errors import SourceError
from graft.progress import bar
from graft.threads import in_order

ODD = ("broken link", "link to a folder", "fifo", "socket", "device", "unreadable")
"""What stands in the place of a digest where there is no content to read."""


LITTER = {".ds_store", "thumbs.db", "desktop.ini", "__macosx"}
"""Names, in any case, of what no one put there and nothing reads."""


def fingerprint(folder: Path) -> str:
    """Return the digest of a folder, 64 hexadecimal digits.

    Links to regular files are read, links to folders are not followed.

    Raises:
        SourceError: the folder itself cannot be read.
    """
    return combine(hashed(folder, [name for name in names(folder) if not is_litter(name)]))


def hashed(folder: Path, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each path with its digest or kind, in the order given; threads read ahead by a bounded number."""
    with bar("fingerprint", len(paths)) as progress:
        for path, digest in zip(paths, in_order(lambda path: content(folder / path), paths), strict=True):
            progress.update()
            yield path, digest


def combine(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the digest of a folder whose files were hashed already.

    Args:
        pairs: path relative to the folder, with forward slashes, and what `content` says of it, in
            strictly rising order of path.

    Raises:
        ValueError: the paths do not rise.
    """
    whole, last = hashlib.sha256(), ""
    for path, digest in pairs:
        if path <= last:
            raise ValueError(f"paths must rise: {path!r} comes after {last!r}")
        # os.fsencode gives a name that is not UTF-8 its own bytes
        whole.update(os.fsencode(path) + b"\0" + digest.encode() + b"\n")
        last = path
    return whole.hexdigest()


def names(folder: Path) -> list[str]:
    """Return, sorted, the path of everything below a folder that is not a folder itself.

    Paths are relative, with forward slashes. Folders that are links, or cannot be read, are named
    and not entered, so that none is passed over in silence.

    Raises:
        SourceError: the folder itself cannot be read.
    """
    return sorted(_walk(folder))


def is_litter(name: str) -> bool:
    """Whether a path leads through what systems put beside pictures: ``.DS_Store``, ``Thumbs.db``, ``__MACOSX``."""
    return any(part.lower() in LITTER or part.startswith("._") for part in PurePosixPath(name).parts)


def content(path: Path) -> str:
    """Return the sha256 of a file's bytes, or, of anything else, its kind (one of `ODD`)."""
    try:
        mode = path.stat().st_mode  # of what a link leads to
    except OSError:
        return "broken link" if path.is_symlink() else "unreadable"
    if not stat.S_ISREG(mode):  # to open a pipe would wait for its writer
        return _kind(path, mode)
    try:
        return sha256(path)
    except OSError:
        return "unreadable"


def _kind(path: Path, mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "link to a folder" if path.is_symlink() else "unreadable"
    if stat.S_ISFIFO(mode):
        return "fifo"
    return "socket" if stat.S_ISSOCK(mode) else "device"


def _walk(folder: Path) -> Iterator[str]:
    closed: list[OSError] = []
    for here, folders, files in os.walk(folder, onerror=closed.append):
        linked = [name for name in folders if Path(here, name).is_symlink()]
        for name in (*files, *linked):
            yield Path(here, name).relative_to(folder).as_posix()
    for error in closed:
        if Path(error.filename) == folder:
            raise SourceError(f"{folder}: the folder cannot be read: {error.strerror}") from error
        yield Path(error.filename).relative_to(folder).as_posix()
