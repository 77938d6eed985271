"""Text files that list images, such as the train and test lists that come with some datasets."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import Field, model_validator

from graft.core.errors import DataError
from graft.core.params import Section
from graft.labels.locate import Locator, places
from graft.labels.text_tables import decode


class Lists(Section):
    """Text files that list images, one a line: an official train and test list, say."""

    files: dict[str, str] = Field(min_length=1)
    """Name of the list (it becomes the image's value in the column ``list``) and its file below the source."""
    where: str | list[str] = "{path}"
    """How a line, or what stands before its first comma or white space, leads to the file, from the list's folder,
    such as ``../images/{path}.jpg``; of several templates, the first that leads to one."""

    @model_validator(mode="after")
    def _check_where(self) -> Self:
        if not all("{path}" in template for template in templates(self.where)):
            raise ValueError("where must hold {path}, the place of the line's first word")
        return self


def templates(where: str | list[str]) -> list[str]:
    """The key `where` as a list."""
    return [where] if isinstance(where, str) else where


def list_of(lists: Lists, root: Path, images: Locator) -> dict[str, str]:
    """Name of the list that each image stands in, by path; images of no list are left out.

    Raises:
        DataError: a list is absent or no text, an image stands in two of them, or none names an image.
    """
    names: dict[str, str] = {}
    first = None
    for name, file in lists.files.items():
        if not (root / file).is_file():
            raise DataError(f"labels.lists.files.{name}: {file} is not in the source")
        folder = PurePosixPath(file).parent.as_posix()
        try:
            lines = list_lines(root / file)
        except ValueError as error:
            raise DataError(f"labels.lists.files.{name}: {file} cannot be read: {error}") from error
        first = first or next((places(line, folder, templates(lists.where)) for *_, line in lines), None)
        for path in listed(lines, folder, templates(lists.where), images):
            if path and names.setdefault(path, name) != name:
                raise DataError(f"labels.lists: {path!r} stands in the lists {names[path]!r} and {name!r}")
    if not names:
        looked = f"; the first was looked for at {', '.join(map(repr, first))}" if first else ""
        raise DataError(f"labels.lists: no listed file is a picture{looked}; mend `where`")
    return names


def list_lines(file: Path) -> list[tuple[str, ...]]:
    """What may be a name in each line of a file that is not empty: the line, and its beginning.

    Raises:
        ValueError: it is no text.
    """
    lines = (line.strip() for line in decode(file).splitlines())
    return [(line, re.split(r"[,;\s]", line, maxsplit=1)[0].strip("\"'")) for line in lines if line]


def listed(lines: list[tuple[str, ...]], folder: str, where: list[str], images: Locator) -> Iterator[str | None]:
    """Path of the image that each line names, None for none."""
    found = [images.find(names, folder, where) for names in zip(*lines, strict=True)]
    yield from (next(filter(None, paths), None) for paths in zip(*found, strict=True))
