"""Detect how the values of a column lead to images, wherever these lie."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graft.apps.use.column_names import says
from graft.data.dataset import SPLIT_ALIASES
from graft.data.folders import words
from graft.labels.locate import Locator, nfc

MASKS = "mask masks segmentation segmentations trimap trimaps truth gt annotation annotations overlay preview"
"""Words of folders whose images are not those of the task, if others have the same names."""
MOST = 200  # templates; more folders than these are no layout of a table
MANY = 20  # images of one name: it does not say which


@dataclass(slots=True)
class _Folder:
    """A folder below which values are found: which values, and what suffixes they lack."""

    rows: set[int] = field(default_factory=set)
    lacks: Counter[str] = field(default_factory=Counter)


class Places:
    """The images of a folder, by the ends of their paths: in any case, with and without suffix."""

    def __init__(self, images: Sequence[str]) -> None:
        self.locator = Locator(images)
        self.images = [nfc(path) for path in images]
        self._ends: dict[int, dict[str, list[str]]] = {}

    def is_named(self, cell: str) -> bool:
        """Whether a cell ends with the name of an image, or looks like one."""
        return bool(
            re.search(r"\.(jpe?g|png|tiff?|webp|bmp|gif)$", cell.strip().lower()) or self._same(_parts(cell)[-1:])
        )

    def named(self, values: Iterable[str]) -> int:
        """How many images some values may name."""
        found = (self._same(_parts(value)[-1:]) for value in {*values})
        return len({same[0] for same in found if same})

    def where(self, values: Sequence[str], folder: str, table: str) -> tuple[list[str], list[str]]:
        """Templates by which values lead from a table's folder to images, and folders that have the same names."""
        folders: dict[str, _Folder] = {}
        for row, value in enumerate(values):
            parts = _parts(value)
            ends = (parts[first:] for first in range(len(parts)))
            end, same = next(((end, same) for end in ends if (same := self._same(end))), ([], []))
            for path in same if len(same) <= MANY else []:
                steps = path.split("/")
                found = folders.setdefault("/".join(steps[: -len(end)]) or ".", _Folder())
                found.rows.add(row)
                found.lacks[steps[-1][len(end[-1]) :] if steps[-1].casefold().startswith(end[-1]) else ""] += 1
        chosen: list[str] = []
        rest = dict(folders)
        left = {row for found in folders.values() for row in found.rows}

        def rank(name: str) -> tuple[bool, bool, bool, int, str]:
            new = len(rest[name].rows & left)
            return not new, *_odd(name, table), -new, name

        while left and len(chosen) < MOST:
            chosen.append(min(rest, key=rank))
            left -= rest.pop(chosen[-1]).rows
        return [_template(name, folders[name], folder) for name in chosen], sorted(rest)

    def _same(self, end: Sequence[str]) -> list[str]:
        """Images whose path ends so."""
        if not end:
            return []
        ends = self._ends.get(len(end))
        if ends is None:
            ends = self._ends[len(end)] = {}
            for path in self.images:
                parts = path.casefold().split("/")
                if len(parts) >= len(end):
                    whole = "/".join(parts[-len(end) :])
                    for key in {whole, _stem(whole) + "."}:
                        ends.setdefault(key, []).append(path)
        key = "/".join(end)
        return ends.get(key) or ends.get(f"{key}.") or ends.get(f"{_stem(key)}.") or []


def _odd(folder: str, table: str) -> tuple[bool, bool]:
    """Whether images of a folder are rather not meant: masks, or those of another split than the table's."""
    said, of = {*words(folder)}, {SPLIT_ALIASES[word] for word in words(table) if word in SPLIT_ALIASES}
    splits = {SPLIT_ALIASES[word] for word in said if word in SPLIT_ALIASES}
    return says(folder, MASKS), bool(of and splits and not of & splits)


def _template(above: str, found: _Folder, folder: str) -> str:
    way = posixpath.relpath(above, folder)
    return ("" if way == "." else f"{way}/") + "{path}" + found.lacks.most_common(1)[0][0]


def _parts(value: str) -> list[str]:
    return [part for part in nfc(value.strip()).replace("\\", "/").casefold().split("/") if part not in ("", ".", "..")]


def _stem(name: str) -> str:
    return re.sub(r"\.[a-z][a-z0-9]{2,4}$", "", name)
