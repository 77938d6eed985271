"""From what a user names on the command line to pictures, one after another: nothing is listed beforehand."""

import os
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path, PurePath
from typing import TypeAlias

from graft.core.addresses import is_remote, masked
from graft.core.errors import DataError

STDIN = "-"

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("apng", "avif", "avifs", "bmp", "bw", "dib", "gif", "j2c", "j2k", "jfif", "jp2", "jpc", "jpe", "jpeg"),
        *("jpf", "jpg", "jpx", "pbm", "pfm", "pgm", "png", "pnm", "ppm", "qoi", "rgb", "rgba", "sgi", "tif"),
        *("tiff", "webp"),
    )
)
"""Names that promise a format that is read; of what lies in folders, these are taken."""


class Missing:
    """Stands for what a user named where no picture lies, so that it becomes a row with its reason.

    Attributes:
        name: what was named.
    """

    def __init__(self, name: str, why: str) -> None:
        self.name, self._why = name, why

    def read(self) -> bytes:
        """Say why there is nothing to read.

        Raises:
            DataError: always.
        """
        raise DataError(self._why)


Named: TypeAlias = str | Missing
"""A path or an address, or a reason why there is none."""


def row_name(named: Named) -> str:
    """What stands for a picture in its row: as it was named, an address without its password."""
    if isinstance(named, Missing):
        return named.name
    try:
        return masked(named) if is_remote(named) else named
    except ValueError:  # no valid address: fetching it will say so
        return named


class Inputs:
    """Every picture that is named, in the order given; in folders and patterns in an order that never changes.

    Of one folder at a time, the names are in memory. Links to folders are followed, but not round in a
    circle; what is hidden is left out.

    Args:
        words: files, addresses, folders, patterns (``*``, ``?``, ``[...]``, ``**`` for any folders), or
            ``-`` for those on `stdin`.
        stdin: lines, each any of these but ``-``.

    Attributes:
        passed: files in folders that were passed over so far, as their names promise no picture.
        example: the first of them.
    """

    def __init__(self, words: Iterable[str], stdin: Iterable[bytes]) -> None:
        self._words, self._stdin = words, stdin
        self.passed, self.example = 0, ""

    def __iter__(self) -> Iterator[Named]:
        for word in self._words:
            if word == STDIN:
                for line in self._stdin:
                    if name := os.fsdecode(line.removesuffix(b"\n").removesuffix(b"\r")):
                        yield from self._expanded(name)
            else:
                yield from self._expanded(word)

    def _expanded(self, word: str) -> Iterator[Named]:
        if is_remote(word):
            yield word
        elif _holds(Path(word).is_dir):
            yield from _or_missing(self._within(Path(word)), word, "no picture lies in this folder, by its name")
        elif has_magic(word) and not _holds(Path(word).exists):
            path = PurePath(word)
            parts = path.parts[1:] if path.anchor else path.parts
            found = self._matching(Path(path.anchor), parts)
            yield from _or_missing(found, word, "no file matches this pattern")
        else:
            yield word

    def _within(self, folder: Path) -> Iterator[Named]:
        """Pictures below a folder, by name."""
        for step in _tree(folder):
            if isinstance(step, Missing):
                yield step
                continue
            inner, names = step
            for name in names:
                if os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122 - a path costs more than the rest
                    yield str(inner / name)
                else:
                    self.passed, self.example = self.passed + 1, self.example or str(inner / name)

    def _matching(self, folder: Path, parts: tuple[str, ...]) -> Iterator[Named]:
        """Files below a folder that match the parts of a pattern."""
        first, rest = parts[0], parts[1:]
        if first == "**" and not rest:  # nothing is said of names: as in folders, they must promise a picture
            yield from self._within(folder)
        elif first == "**" and rest[0] == "**":
            yield from self._matching(folder, rest)
        elif first == "**":
            for step in _tree(folder):
                yield from [step] if isinstance(step, Missing) else self._matching(step[0], rest)
        else:
            for name in _listed(folder) if has_magic(first) else [first]:
                place = folder / name
                if not (name == first or _fits(name, first)):
                    continue
                if rest and _holds(place.is_dir):
                    yield from self._matching(place, rest)
                elif not rest and _holds(place.is_file):
                    yield str(place)


def _tree(folder: Path) -> Iterator[tuple[Path, list[str]] | Missing]:
    """Yield a folder and all below with the sorted names of their files; or that one cannot be listed."""
    errors: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=errors.append, followlinks=True):
        yield from _unlisted(errors)
        inner = Path(place)
        folders[:] = sorted(name for name in folders if not _is_hidden(name) and not _encloses(inner / name, inner))
        yield inner, sorted(name for name in files if not _is_hidden(name))
    yield from _unlisted(errors)


def _unlisted(errors: list[OSError]) -> Iterator[Missing]:
    while errors:
        error = errors.pop()
        yield Missing(str(error.filename), f"the folder cannot be listed: {error.strerror}")


def _encloses(place: Path, folder: Path) -> bool:
    """Whether a folder in another is a link that leads back out to one around it."""
    return place.is_symlink() and folder.resolve().is_relative_to(place.resolve())


def _holds(asked: Callable[[], bool]) -> bool:
    """Whether something is so of a path; of one that cannot be looked at, opening it will say why."""
    try:
        return asked()
    except OSError:
        return False


def _listed(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except OSError:
        return []


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _or_missing(found: Iterator[Named], name: str, why: str) -> Iterator[Named]:
    """Yield what is found, or the reason where that is nothing."""
    first = next(found, None)
    if first is None:
        yield Missing(name, why)
        return
    yield first
    yield from found
