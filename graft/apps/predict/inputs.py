"""From what a user names on the command line to images, one after another: nothing is listed beforehand."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import has_magic
from itertools import chain
from pathlib import Path, PurePath
from threading import Thread
from typing import TypeAlias

from graft.core.addresses import is_remote, masked
from graft.core.errors import DataError
from graft.core.litter import is_hidden
from graft.images.formats import is_image
from graft.predict.predictor import Source

AT_ONCE = 8  # addresses that are read from at once: while one server is waited for, others answer


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands for what a user named where no image lies, so that it becomes a row with its reason."""

    name: str
    reason: str

    def read(self) -> bytes:
        """Raise the reason, a DataError: there is nothing to read."""
        raise DataError(self.reason)


Input: TypeAlias = str | Missing
"""A path or an address, or a reason why there is none."""


def row_name(given: Input) -> str:
    """What stands for an image in its row: as it was named, an address without its password."""
    if isinstance(given, Missing):
        return given.name
    try:
        return masked(given) if is_remote(given) else given
    except ValueError:  # no valid address: fetching it will say so
        return given


class Inputs:
    """Every image that is named, in the order given; in folders and patterns in an order that never changes.

    Links to folders are followed, but not round in a circle; what is hidden is left out. `skipped` counts the
    files in folders that were passed over so far: no images by name or content; `example` is the first.

    Args:
        words: files, addresses, folders, patterns (``*``, ``?``, ``[...]``, ``**`` for any folders), or
            ``-`` for those on `stdin`.
        stdin: lines, each any of these but ``-``.
    """

    def __init__(self, words: Iterable[str], stdin: Iterable[bytes]) -> None:
        self._words, self._stdin = words, stdin
        self.skipped, self.example = 0, ""

    def __iter__(self) -> Iterator[Input]:
        for word in self._words:
            if word == "-":
                for line in self._stdin:
                    if name := os.fsdecode(line.removesuffix(b"\n").removesuffix(b"\r")):
                        yield from self._expand(name)
            else:
                yield from self._expand(word)

    def _expand(self, word: str) -> Iterator[Input]:
        if is_remote(word):
            yield word
        elif _check(Path(word).is_dir):
            yield from _or_missing(self._within(Path(word)), word, "no picture lies in this folder, by name or content")
        elif has_magic(word) and not _check(Path(word).exists):
            path = PurePath(word)
            parts = path.parts[1:] if path.anchor else path.parts
            yield from _or_missing(self._match(Path(path.anchor), parts), word, "no file matches this pattern")
        else:
            yield word

    def _within(self, folder: Path) -> Iterator[Input]:
        """Images below a folder, by name or content; of a format that is not read, too: its row then says so."""
        for inner, names in _tree(folder):
            if isinstance(names, Missing):
                yield names
                continue
            for name in names:
                if is_image(inner / name):
                    yield str(inner / name)
                else:
                    self.skipped, self.example = self.skipped + 1, self.example or str(inner / name)

    def _match(self, folder: Path, parts: tuple[str, ...]) -> Iterator[Input]:
        """Files below a folder that match the parts of a pattern."""
        first, rest = parts[0], parts[1:]
        if first == "**" and not rest:  # nothing is said of names: as in folders, they must promise an image
            yield from self._within(folder)
        elif first == "**" and rest[0] == "**":
            yield from self._match(folder, rest)
        elif first == "**":
            for inner, names in _tree(folder):
                yield from [names] if isinstance(names, Missing) else self._match(inner, rest)
        else:
            for name in _matching_names(folder, first):
                path = folder / name
                if rest and _check(path.is_dir):
                    yield from self._match(path, rest)
                elif not rest and _check(path.is_file):
                    yield str(path)


def _tree(folder: Path) -> Iterator[tuple[Path, list[str] | Missing]]:
    """Yield a folder and all below with the sorted names of their files; or that one cannot be listed."""
    failed: list[OSError] = []
    for path, folders, files in os.walk(folder, onerror=failed.append, followlinks=True):
        yield from map(_unlisted, failed)
        failed.clear()
        inner = Path(path)
        # a link may lead back out to a folder around it
        folders[:] = [
            name
            for name in sorted(folders)
            if not is_hidden(name)
            and not ((inner / name).is_symlink() and inner.resolve().is_relative_to((inner / name).resolve()))
        ]
        yield inner, sorted(name for name in files if not is_hidden(name))
    yield from map(_unlisted, failed)


def _unlisted(error: OSError) -> tuple[Path, Missing]:
    name = str(error.filename)
    return Path(name), Missing(name, f"the folder cannot be listed: {error.strerror}")


def _check(question: Callable[[], bool]) -> bool:
    """Whether something is so of a path; of one that cannot be looked at, opening it will say why."""
    try:
        return question()
    except OSError:
        return False


def _matching_names(folder: Path, pattern: str) -> list[str]:
    """Names in a folder that match one part of a pattern, sorted; none where it cannot be listed."""
    if not has_magic(pattern):
        return [pattern]
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names, not paths
    except OSError:
        return []
    return [name for name in names if fnmatchcase(name, pattern) and (pattern[0] == "." or not is_hidden(name))]


def _or_missing(found: Iterator[Input], name: str, reason: str) -> Iterator[Input]:
    """Yield what is found, or the reason where that is nothing."""
    yield next(found, Missing(name, reason))
    yield from found


class Remote:
    """An image at an address, on its way; it can be read like an open file."""

    def __init__(self, uri: str) -> None:
        self.name, self.content = row_name(uri), Future[bytes]()
        # Python waits at its exit for the threads of a pool, but not for this one
        Thread(target=self._fetch, args=[uri], name=f"fetch {self.name}", daemon=True).start()

    def _fetch(self, uri: str) -> None:
        from graft.apps.predict.fetch import fetch  # late: paths need none of it

        try:
            self.content.set_result(fetch(uri))
        except Exception as error:  # raised again where it is read
            self.content.set_exception(error)

    def read(self) -> bytes:
        """Give the content, as soon as it is there, or raise why it could not be fetched."""
        return self.content.result()


def prefetched(inputs: Iterable[Input]) -> Iterator[Source]:
    """Yield inputs in order as a predictor takes them, addresses when their content is there.

    Several are fetched at once, a few ahead. They are waited for in the thread that iterates, where
    Ctrl-C ends it at once.
    """
    waiting: deque[Source] = deque()
    for given in chain(inputs, [None]):  # at the end, all are waited for
        if given is not None:
            waiting.append(Remote(given) if isinstance(given, str) and is_remote(given) else given)
        while waiting:
            first = waiting[0]
            if isinstance(first, Remote) and not first.content.done():
                if given is not None and len(waiting) < AT_ONCE:
                    break
                first.content.exception()  # wait for it
            yield waiting.popleft()
