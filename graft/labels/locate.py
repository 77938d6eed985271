"""Find the image that a cell of a table, or a line of a list, calls by some name."""

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{2,4}$")  # of a file, in lower case


def nfc(text: str) -> str:
    """Return a text in Unicode's composed form: file systems and people write an ä in either of two ways."""
    return unicodedata.normalize("NFC", text)


class Locator:
    """The images of the source, to be found by name.

    A name leads through templates such as ``images/{path}.jpg``, taken from the folder of the table it stands in.
    The first of these holds by which an image is found:

    1. the path as the template makes it;
    2. the same in whatever case, with whatever suffix or none, if that is one image and no more;
    3. as before, without the first folder of the name; without the first two; and so on. So a path of another
       machine, such as ``C:\\photos\\cat\\1.jpg``, leads to ``cat/1.jpg``.

    Backslashes are slashes, and either form of Unicode is the same.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self.by_nfc = {nfc(path): path for path in paths} | dict(zip(paths, paths, strict=True))

    @cached_property
    def _alike(self) -> dict[str, str]:
        """The image that a loose name means, empty for one that means several; made only where one is asked for."""
        alike: dict[str, str] = {}
        for path in self.paths:
            for key in _loose(nfc(path)):
                alike[key] = "" if key in alike else path
        return alike

    def find(self, names: Iterable[str], folder: str, where: Sequence[str]) -> list[str | None]:
        """Path of the image that each name leads to; None for none, and for one that is another's exact name."""
        names = [_clean(name) for name in names]
        ways = [Way(folder, template) for template in where]
        exact = [self._exactly(name, ways) for name in names]
        taken = {*exact}
        found: list[str | None] = []
        for name, path in zip(names, exact, strict=True):
            loose = path or next(self._loosely(name, ways), None)
            found.append(path or (None if loose in taken else loose))
        return found

    def _exactly(self, name: str, ways: "Sequence[Way]") -> str | None:
        return next((path for way in ways if (path := self.by_nfc.get(way.place(name)))), None)

    def _loosely(self, name: str, ways: "Sequence[Way]") -> Iterator[str]:
        parts = name.lstrip("/").split("/")
        for first in range(len(parts)):
            rest = "/".join(parts[first:])
            if path := self._exactly(rest, ways):
                yield path
            for way in ways:
                for key in _loose(way.place(rest)):
                    if path := self._alike.get(key):
                        yield path


class Way:
    """How a name leads from a folder to a file, by one template."""

    def __init__(self, folder: str, template: str) -> None:
        before, _, self.after = template.partition("{path}")
        base = posixpath.normpath(posixpath.join(folder, before.rpartition("/")[0]))
        self.before = ("" if base == "." else f"{base}/") + before.rpartition("/")[2]

    def place(self, name: str) -> str:
        """Path below the source, composed, of what is called `name`."""
        path = f"{self.before}{name}{self.after}"
        return nfc(posixpath.normpath(path) if "./" in path or "//" in path else path)


def places(name: str, folder: str, where: Sequence[str]) -> list[str]:
    """Every place where an image of this name may lie as the templates say."""
    return [Way(folder, template).place(_clean(name)) for template in where]


def _clean(name: str) -> str:
    return name.strip().replace("\\", "/")


def _loose(path: str) -> tuple[str, str]:
    """What two paths share that differ in case alone, and what if in the suffix of a file, too."""
    folded = path.casefold()
    return folded, f"{_SUFFIX.sub('', folded)}."
