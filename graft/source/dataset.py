"""Bring the dataset into the project: link a folder, copy a package's data, unpack an archive."""

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from filelock import FileLock, Timeout

from graft.core import params
from graft.core.addresses import PACKAGE, is_remote
from graft.core.errors import SourceError
from graft.core.files import new_folder, sha256
from graft.core.litter import is_litter
from graft.core.progress import bar
from graft.data.raw import POINTER, Linked, check_apart, fingerprint, linked, names, vouch, write_link
from graft.source.archive import unpack
from graft.source.config import Source
from graft.source.download import DOWNLOADS, local_path

CODE_SUFFIXES = {".py", ".pyc"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of a source, for the log."""

    how: Literal["linked", "copied", "unpacked"]
    files: int
    sha256: str  # of the archive, or the fingerprint of the folder


@dataclass(frozen=True, slots=True)
class Opened:
    """A source to look at, with what `source.sha256` and `source.bytes` should be."""

    folder: Path  # holds the images, only to be read
    sha256: str
    bytes: int | None  # size of the archive; None for a folder


def fetch_dataset(source: Source, raw: Path, downloads: Path = DOWNLOADS) -> Fetched:
    """Make `raw` hold the dataset, or the pointer to it (`graft.data.raw`).

    A folder of the user's own is linked. A package's files are copied, but for its code (``.py``,
    ``.pyc``): a dataset is data. An archive is fetched if need be, and unpacked. `raw` is replaced when
    all is well, else left as it is. Nothing is decoded here: `index` checks the files.

    Raises:
        SourceError: the source is absent, empty, not as promised, or cannot be unpacked safely.
    """
    path = _bring(source, downloads)
    with new_folder(raw) as folder:
        if not path.is_dir():
            digest = _archive_sha256(source, path)
            fetched = Fetched("unpacked", unpack(path, folder, source.limits), digest)
        elif source.uri.startswith(PACKAGE):
            files, digest = _read(source, path)
            _copy(path, files, folder)
            fetched = Fetched("copied", len(files), digest)
        else:
            check_apart(path, raw)
            files, digest = _read(source, path)
            write_link(folder, Linked(source.uri, len(files), digest))
            return Fetched("linked", len(files), digest)
        if (folder / POINTER).exists():
            raise SourceError(f"source.uri: {source.shown} has a file {POINTER} at its top; graft keeps that name")
    return fetched


def check_unchanged(source: Source, raw: Path) -> None:
    """Check that a folder is still the one that params.yaml means; what else may be named, `download` checks.

    Raises:
        SourceError: it is gone, or a file was added, removed or changed since.
    """
    link, folder = linked(raw), Path(source.uri).expanduser()
    if link is not None and link.folder == source.uri and source.sha256 in (None, link.sha256):
        vouch(raw)
    elif not is_remote(source.uri) and not source.uri.startswith(PACKAGE):
        if not folder.exists():
            raise SourceError(f"source.uri: nothing lies at {source.uri}: bring it back (is its disk mounted?)")
        if folder.is_dir():
            _read(source, folder)


@contextmanager
def open_source(source: Source | str, downloads: Path = DOWNLOADS) -> Iterator[Opened]:
    """Yield what a user names as a folder that can be looked at, before params.yaml names it.

    A folder is looked at where it is. An archive is unpacked to a folder that is removed afterwards;
    if it was downloaded, the file itself is kept, so that `fetch_dataset` finds it.

    Raises:
        ParamsError: the name is empty.
        SourceError: as `fetch_dataset`.
    """
    if isinstance(source, str):
        source = params.check("source", Source, {"uri": source, "licence": ""})
        assert isinstance(source, Source)
    path = _bring(source, downloads)
    if path.is_dir():
        yield Opened(path, _read(source, path)[1], None)
        return
    digest = _archive_sha256(source, path)
    folder, lock = downloads / "look", downloads / ".look.lock"
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)  # what a run that was killed left there
            folder.mkdir()
            try:
                unpack(path, folder, source.limits)
                yield Opened(folder, digest, path.stat().st_size)
            finally:
                shutil.rmtree(folder)
    except Timeout as error:
        raise SourceError(f"another process looks at an archive in this folder ({lock} is held)") from error


def _bring(source: Source, downloads: Path) -> Path:
    """Return the folder or archive on this machine."""
    path = local_path(source.uri, downloads, source.sha256, source.bytes)
    if path.is_dir() and source.bytes is not None:
        raise SourceError(f"source.bytes: {source.uri} is a folder; only an archive has a size, so leave it out")
    if not path.is_dir() and not path.is_file():
        raise SourceError(f"source.uri: {source.uri} is neither a folder nor a file")
    return path


def _copy(path: Path, files: list[str], folder: Path) -> None:
    """Copy a package's files with their times; links are refused."""
    with bar("copy", len(files)) as progress:
        for name in files:
            if (path / name).is_symlink():
                raise SourceError(f"source.uri: {path / name} is a link; a package must hold its files itself")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path / name, folder / name)
            progress.update()


def _read(source: Source, folder: Path) -> tuple[list[str], str]:
    """Return the paths of all files of a folder, of a package all but its code, and their fingerprint."""
    files = [name for name in names(folder) if not is_litter(name)]
    if source.uri.startswith(PACKAGE):
        files = [name for name in files if PurePosixPath(name).suffix not in CODE_SUFFIXES]
    if not files:
        raise SourceError(f"source.uri: no file below {folder}")
    digest = fingerprint(folder, files)
    if source.sha256 not in (None, digest):
        raise SourceError(
            f"the folder {source.uri} has changed since source.sha256 was written: it was {source.sha256}, "
            f"is {digest}; run `graft use {shlex.quote(source.uri)}` to accept it"
        )
    return files, digest


def _archive_sha256(source: Source, archive: Path) -> str:
    if source.sha256 is not None and is_remote(source.uri):
        return source.sha256  # local_path has checked it
    size, digest = archive.stat().st_size, sha256(archive)
    if source.bytes not in (None, size):
        raise SourceError(f"{archive}: has {size} bytes; source.bytes says {source.bytes}")
    if source.sha256 not in (None, digest):
        raise SourceError(f"{archive}: sha256 is {digest}; source.sha256 says {source.sha256}")
    return digest
