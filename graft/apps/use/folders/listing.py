"""List a folder: its images, by name or by what they begin with, and all else that lies there."""

import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from graft.core.errors import DataError
from graft.core.litter import is_hidden
from graft.data.raw import names
from graft.images.formats import FORMATS, IMAGE_SUFFIXES, SUFFIXES, first_bytes, format_of, is_image

NO_MARK = frozenset((".bw", ".dib", ".pbm", ".pfm", ".pgm", ".pnm", ".ppm", ".rgb", ".rgba", ".sgi"))
"""Formats whose first bytes say too little to doubt the name."""
MAX_NAMED = 3


@dataclass(slots=True)
class Listing:
    """Paths of every file below a folder, each in one list.

    `images` are of formats that are read; `nameless` are those of them whose names promise none. `unread` gives the
    reason why a file that should be an image, by its name, is none that is read. `links` lead to folders that are not
    followed. `others` are no images, `hidden` are not looked at.
    """

    images: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Say what a person should know of it."""
        if self.nameless:
            yield f"{_named(self.nameless)}: pictures by their content, not by their names"
        for reason in sorted(set(self.unread.values())):
            yield f"{_named([name for name, why in self.unread.items() if why == reason])}: {reason}"
        if self.links:
            yield (
                f"{_named(self.links)}: links to folders outside, which are not followed; put the folders themselves "
                "there, or use a folder that holds both"
            )


def list_files(root: Path) -> Listing:
    """List what lies below a folder; nothing is decoded.

    Raises:
        DataError: there is no image.
    """
    found = Listing()
    for name in names(root):
        path = root / name
        if is_hidden(name):
            found.hidden.append(name)
        elif path.is_symlink() and path.is_dir():
            found.links.append(name)
        elif not is_image(path):
            found.others.append(name)
        elif reason := _unread(path):
            found.unread[name] = reason
        else:
            found.images.append(name)
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                found.nameless.append(name)
    if not found.images:
        raise DataError(f"{root}: no file is a picture that is read{_instead(root, found)}")
    return found


def _unread(path: Path) -> str:
    """Why a file that is an image by name or content is none that is read; empty if it may be one."""
    begin = first_bytes(path)
    if not begin:
        return "empty, or cannot be opened"
    kind, suffix = format_of(begin), path.suffix.lower()
    if kind in FORMATS or (suffix in NO_MARK and not kind):
        return ""
    if kind or suffix not in SUFFIXES:
        return f"{kind or suffix.removeprefix('.').upper()} is not read; save them as JPEG or PNG"
    return "no picture inside, whatever the name says"


def _instead(root: Path, found: Listing) -> str:
    """Say what lies there instead of images."""
    archives = Counter({name: _images_within(root / name) for name in found.others if name.lower().endswith(".zip")})
    if +archives:
        held = ", ".join(f"{name} ({count} pictures)" for name, count in (+archives).most_common(MAX_NAMED))
        return f"; pictures lie in archives within: {held}. Unpack, and name one of these archives"
    if said := list(found.lines()):
        return "".join(f"\n  {line}" for line in said)
    return f"; it holds {len(found.others)} other files, such as {found.others[0]!r}" if found.others else ""


def _images_within(archive: Path) -> int:
    try:
        with zipfile.ZipFile(archive) as opened:
            return sum(Path(name).suffix.lower() in SUFFIXES and not is_hidden(name) for name in opened.namelist())
    except (OSError, zipfile.BadZipFile, NotImplementedError):  # then it is no archive that could be named
        return 0


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(map(repr, names[:MAX_NAMED]))}{more}"
