"""The raw folder: one digest for all of it, and the pointer to a folder that lies elsewhere.

Any file added, removed, renamed or changed gives another digest.

The digest is sha256 over ``path NUL digest LF`` of every entry that is not a folder, in order of path.
Times, owners and permissions do not count, nor does what systems leave in folders that are looked at
(`is_litter`). What is not a regular file counts as its kind, so that nothing can block the walk and
nothing is passed over.
"""

import hashlib
import json
import os
import shlex
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from graft.core.errors import SourceError
from graft.core.files import sha256, write_json
from graft.core.litter import is_litter
from graft.core.parallel import in_order
from graft.core.progress import bar


def fingerprint(folder: Path, paths: list[str] | None = None) -> str:
    """Return the digest of a folder, 64 hexadecimal digits.

    Links to regular files are read, links to folders followed as far as `names` follows them.

    Args:
        folder: any.
        paths: what counts, of `names`; by default all but litter.

    Raises:
        SourceError: the folder itself cannot be read.
    """
    if paths is None:
        paths = [name for name in names(folder) if not is_litter(name)]
    whole = hashlib.sha256()
    with bar("fingerprint", len(paths)) as progress:
        for path, digest in zip(paths, in_order(lambda path: content(folder / path), paths), strict=True):
            whole.update(entry(path, digest))
            progress.update()
    return whole.hexdigest()


def entry(path: str, digest: str) -> bytes:
    """What a file adds to the digest of its folder; a name that is not UTF-8 has its own bytes."""
    return os.fsencode(path) + b"\0" + digest.encode() + b"\n"


def names(folder: Path) -> list[str]:
    """Return, sorted, the path of everything below a folder that is not a folder itself.

    Paths are relative, with forward slashes. A link to a folder is followed where it leads to one within `folder`
    that is not around it, but no link within what it leads to: so there is no circle, and none is walked more often
    than there are links. Other links to folders, and folders that cannot be read, are named and not entered, so
    that none is passed over in silence.

    Raises:
        SourceError: the folder itself cannot be read.
    """
    closed: list[OSError] = []
    found: list[str] = []
    top = folder.resolve()
    following: list[Path] = [folder]
    while following:
        start = following.pop()
        for here, folders, files in os.walk(start, onerror=closed.append):
            found += [f"{here}/{name}" for name in files]
            for name in folders:
                link = Path(here, name)
                if start == folder and _leads_within(link, top):
                    following.append(link)
                elif link.is_symlink():
                    found.append(str(link))
    for error in closed:
        if Path(error.filename) == folder:
            raise SourceError(f"{folder}: the folder cannot be read: {error.strerror}") from error
        found.append(error.filename)
    within = os.path.join(folder, "")  # noqa: PTH118 - with the separator at its end
    return sorted(path.removeprefix(within).replace(os.sep, "/") for path in found)


def _leads_within(link: Path, top: Path) -> bool:
    """Whether a link leads to a folder below the resolved `top` that does not lie around the link itself."""
    if not link.is_symlink():
        return False
    there = link.resolve()
    return there != top and there.is_relative_to(top) and not link.parent.resolve().is_relative_to(there)


def content(path: Path) -> str:
    """Return the sha256 of a file's bytes, or, of anything else, its kind, such as ``fifo``."""
    try:
        mode = path.stat().st_mode  # of what a link leads to
    except OSError:
        return "broken link" if path.is_symlink() else "unreadable"
    if stat.S_ISDIR(mode):
        return "link to a folder" if path.is_symlink() else "unreadable"
    if not stat.S_ISREG(mode):  # to open a pipe would wait for its writer
        return {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}.get(stat.S_IFMT(mode), "device")
    try:
        return sha256(path)
    except OSError:
        return "unreadable"


POINTER = "linked.json"
"""The file in ``data/raw`` that says where the images are; no dataset may bring its own."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A linked folder: its path as the user wrote it, how many files it holds, and their fingerprint."""

    folder: str
    files: int
    sha256: str


def raw_root(raw: Path) -> Path:
    """Return the folder that holds the images: the linked one, or `raw` itself.

    Raises:
        SourceError: the linked folder is gone, or the pointer is not one that graft wrote.
    """
    link = linked(raw)
    if link is None:
        return raw
    folder = Path(link.folder).expanduser()
    if not folder.is_dir():
        raise SourceError(
            f"the pictures are linked, not copied, and their folder {link.folder} is gone: "
            "bring it back (is its disk mounted?), or name another in source.uri and run `dvc repro`"
        )
    return folder


def linked(raw: Path) -> Linked | None:
    """Return what the pointer in `raw` says, or None where the images themselves lie there.

    Raises:
        SourceError: the pointer is not one that graft wrote.
    """
    try:
        link = Linked(**json.loads((raw / POINTER).read_text(encoding="utf-8")))
        if not all((isinstance(link.folder, str), isinstance(link.files, int), isinstance(link.sha256, str))):
            raise TypeError
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(
            f"{raw / POINTER} names no folder as graft writes it; run `dvc repro --force download@dataset`"
        ) from error
    return link


def check_apart(folder: Path, raw: Path) -> None:
    """Check that a folder can be linked from `raw`, which DVC deletes before it is written anew.

    Raises:
        SourceError: one of the two lies within the other.
    """
    here, there = raw.resolve(), folder.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise SourceError(f"source.uri: {folder} and {raw} lie one within the other; move the pictures elsewhere")


def vouch(raw: Path) -> None:
    """Check that a linked folder is still the one that was linked.

    Raises:
        SourceError: the folder is gone, or a file was added, removed or changed since.
    """
    link = linked(raw)
    if link is not None and fingerprint(raw_root(raw)) != link.sha256:
        raise SourceError(
            f"the folder {link.folder} has changed since `download` linked it; "
            f"run `graft use {shlex.quote(link.folder)}`, then `dvc repro`"
        )


def write_link(raw: Path, link: Linked) -> None:
    """Make `raw` point to a folder."""
    write_json(raw / POINTER, asdict(link))
