"""Unpack an archive that nobody vouches for: what cannot be unpacked safely and whole is refused.

What it says of itself is not believed: bytes count as they are written, names are checked before they
become paths, and no link is ever made on disk.
"""

from collections.abc import Iterator
from pathlib import Path

from graft.core.errors import SourceError
from graft.core.progress import bar
from graft.source.config import Limits
from graft.source.members import CHUNK, Member, members
from graft.source.paths import clean, follow
from graft.source.refusal import UnsafeError, explained

PROOF = 64 * 2**20
"""Bytes unpacked before their ratio to the archive is judged: a small text may shrink a thousandfold."""


def unpack(archive: Path, into: Path, limits: Limits) -> int:
    """Unpack a zip or tar archive into an empty folder; return how many files it holds.

    Links to files inside the archive become copies of them. Permissions, owners and times are left out.
    After an error the folder holds what came before it: give one that is removed then
    (`graft.core.files.new_folder`).

    Raises:
        SourceError: names the archive, the member and the reason.
    """
    budget = _Budget(archive, limits)
    links: dict[str, str] = {}
    files = 0
    with archive.open("rb") as file, bar("unpack", budget.packed, unit="B") as progress:
        for member in members(archive, file):
            with explained(archive, member.name):
                path = clean(member.name)
                budget.count()
                if member.kind == "folder":
                    _make_folder(into / path)
                    continue
                if not path or path in links:
                    raise UnsafeError("stands twice in the archive" if path else "has no name of its own")
                if member.kind == "file":
                    _write(_pieces(archive, member.name, member), into / path, budget)
                else:
                    links[path] = _target(member, path)
            files += 1
            progress.update(max(0, file.tell() - progress.n))
        for path in sorted(links):
            with explained(archive, path):
                copied = _resolve(path, links, into)
                _write(_pieces(archive, path, copied), into / path, budget)
    if not files:
        raise SourceError(f"{archive}: holds no file")
    return files


class _Budget:
    """What may still be unpacked."""

    def __init__(self, archive: Path, limits: Limits) -> None:
        self.limits, self.packed = limits, archive.stat().st_size
        self.members = self.bytes = 0

    def count(self) -> None:
        """Count a member."""
        self.members += 1
        if self.members > self.limits.files:
            raise UnsafeError(f"is one too many; source.limits.files allows {self.limits.files}")

    def spend(self, size: int) -> None:
        """Count bytes that are about to be written."""
        self.bytes += size
        if self.bytes > self.limits.bytes:
            raise UnsafeError(f"is too large: source.limits.bytes allows {self.limits.bytes} bytes in all")
        if self.bytes > max(PROOF, self.limits.ratio * self.packed):
            raise UnsafeError(
                f"unpacks to more than {self.limits.ratio:g} times the size of the archive, as bombs do; "
                "raise source.limits.ratio if you trust it"
            )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UnsafeError("needs a folder where another member is a file") from error
    except OSError as error:
        raise UnsafeError(f"cannot be written: {error.strerror}") from error


def _pieces(archive: Path, name: str, origin: Member | Path) -> Iterator[bytes]:
    """Yield content; whatever goes wrong with reading is explained here, lest it look like writing."""
    with explained(archive, name), origin.open() if isinstance(origin, Member) else origin.open("rb") as stream:
        while data := stream.read(CHUNK):
            yield data


def _write(pieces: Iterator[bytes], path: Path, budget: _Budget) -> None:
    _make_folder(path.parent)
    try:
        with path.open("xb") as file:
            for data in pieces:
                budget.spend(len(data))
                file.write(data)
    except FileExistsError as error:
        raise UnsafeError(
            "is a file where another member needs a folder" if path.is_dir() else "stands twice in the archive"
        ) from error
    except OSError as error:
        raise UnsafeError(f"cannot be written: {error.strerror}") from error


def _target(member: Member, path: str) -> str:
    if member.kind == "link":
        return follow(path, member.target)
    try:
        return clean(member.target)
    except UnsafeError as error:
        raise UnsafeError(f"is a link that leads out of the archive, to {member.target!r}") from error


def _resolve(path: str, links: dict[str, str], into: Path) -> Path:
    """Return the file that a link leads to, through other links if need be."""
    seen, target = {path}, links[path]
    while target in links:
        if target in seen:
            raise UnsafeError("is a link that leads back to itself")
        seen.add(target)
        target = links[target]
    found = into / target
    if found.is_dir():
        raise UnsafeError(f"is a link to the folder {target or '.'!r}; graft follows links to files only")
    if not found.is_file():
        raise UnsafeError(f"is a link to {target!r}, which is not in the archive")
    return found
