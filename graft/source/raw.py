"""``data/raw`` holds the pictures, or points to the folder that does.

A folder of the user's own is linked: ``data/raw`` then holds one small file, which names the folder
and its fingerprint, and the pictures stay where they are. Nothing is ever written to them.
"""

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from graft import atomic
from graft.errors import SourceError
from graft.source.fingerprint import fingerprint

POINTER = "linked.json"
"""The file in ``data/raw`` that says where the pictures are; no dataset may bring its own."""


@dataclass(frozen=True, slots=True)
class Linked:
    """What a pointer says: the folder as the user wrote it, how many files, and their fingerprint."""

    folder: str
    files: int
    sha256: str

    @property
    def path(self) -> Path:
        """The folder on this machine; a relative one counts from the working folder."""
        return Path(self.folder).expanduser()


def raw_root(raw: Path) -> Path:
    """Return the folder that holds the pictures: the linked one, or `raw` itself.

    Raises:
        SourceError: the linked folder is gone, or the pointer is not one that graft wrote.
    """
    link = linked(raw)
    if link is None:
        return raw
    if not link.path.is_dir():
        raise SourceError(
            f"the pictures are linked, not copied, and their folder {link.folder} is gone: "
            "bring it back (is its disk mounted?), or name another in source.uri and run `dvc repro`"
        )
    return link.path


def linked(raw: Path) -> Linked | None:
    """Return what the pointer in `raw` says, or None where the pictures themselves lie there.

    Raises:
        SourceError: the pointer is not one that graft wrote.
    """
    try:
        said = json.loads((raw / POINTER).read_text(encoding="utf-8"))
        link = Linked(**said)
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
    """Check that the linked folder is still the one that was linked; without a link, nothing is to be checked.

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
    atomic.write_json(raw / POINTER, asdict(link))
