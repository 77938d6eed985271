"""Fetch one file from an address: resumed where it broke off, verified, and whole or not there at all.

In a folder of its own, named after the address, lie ``name.part`` while it is under way, ``name``
when it is whole, and ``name.facts``, what the server said of it. A run that was killed is gone on with.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tenacity.wait import WaitBaseT

from graft.core.addresses import shown
from graft.core.errors import SourceError
from graft.core.files import sha256, write_json
from graft.core.progress import bar
from graft.source.store import open_store
from graft.source.stream import Facts, InterruptedFetchError, Stream
from graft.source.web import open_web

DOWNLOADS = Path(".graft/downloads")
"""Where files are fetched to, unless the caller says otherwise; ignored by git and DVC."""

TRIES = 5
"""Tries in a row that may bring nothing new."""
STEP = 2**20
"""Bytes that count as something new, and give the server all its tries again."""
WAIT = wait_exponential_jitter(initial=1, max=60)
STALL = 60.0
"""Seconds of silence after which a connection is given up."""

log = logging.getLogger(__name__)


def fetch_file(
    uri: str,
    folder: Path,
    sha256: str | None = None,
    size: int | None = None,
    wait: WaitBaseT = WAIT,
    stall: float = STALL,
) -> Path:
    """Fetch the file at an address and return where it lies, below `folder`.

    A file that lies there already is not fetched again if it has the sha256 wanted; without one, if
    the server says that it has not changed.

    Args:
        uri: ``http(s)://``, or any address that fsspec reads.
        folder: where files are kept between runs.
        sha256: of the whole file; one that differs is removed and refused.
        size: bytes of the whole file; one that differs is refused, if possible before it is fetched.
        wait: how long to wait between tries.
        stall: seconds of silence after which a connection is given up.

    Raises:
        SourceError: names the address and the reason.
    """
    try:
        name = _name(uri)
    except ValueError as error:
        raise SourceError(f"{shown(uri)}: is no valid address: {error}") from error
    home = folder / hashlib.sha256(uri.encode()).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home, uri):
        download = _Download(uri, home / name, sha256, size, stall)
        if sha256 is None or not download.is_kept():
            download.run(wait)
    return download.path


class _Download:
    """One file on its way."""

    def __init__(self, uri: str, path: Path, sha256: str | None, size: int | None, stall: float) -> None:
        self.uri, self.path, self.sha256, self.size, self.stall = uri, path, sha256, size, stall
        self.best = 0
        self.part, self.facts_file = (path.with_name(path.name + suffix) for suffix in (".part", ".facts"))

    def is_kept(self) -> bool:
        """Whether the file lies here already, whole and with the sha256 wanted."""
        kept = self.path.is_file() and sha256(self.path) == self.sha256
        return kept and self.size in (None, self._length(self.path))

    def run(self, wait: WaitBaseT) -> None:
        """Fetch, try after try, until the file is whole or the server had its tries."""
        done = False
        while not done:
            tries = Retrying(
                stop=stop_after_attempt(TRIES),
                wait=wait,
                retry=retry_if_exception_type(InterruptedFetchError),
                before_sleep=lambda state: log.warning("%s; trying again", state.outcome and state.outcome.exception()),
                reraise=True,
            )
            done = tries(self._try)

    def _try(self) -> bool:
        """Fetch what is missing; return False where it broke off after it brought something."""
        self.best = before = max(self.best, self._length(self.part))
        try:
            if not self._is_whole():
                self._go_on(self._length(self.part))
        except InterruptedFetchError:
            if self._length(self.part) < before + STEP:
                raise
            return False
        if self.part.exists():
            self._verify()
            self.part.replace(self.path)
        return True

    def _go_on(self, length: int) -> None:
        """Ask for what is missing; begin again where the address holds another file by now."""
        start = length if self._facts().mark is not None else 0
        with self._open(start) as stream:
            if stream.start in (0, start) and (stream.start == 0 or stream.facts == self._facts()):
                self._receive(stream)
                return
        with self._open(0) as stream:
            self._receive(stream)

    def _open(self, start: int) -> AbstractContextManager[Stream]:
        if self.uri.lower().startswith(("http://", "https://")):
            return open_web(self.uri, start, self.stall)
        return open_store(self.uri, start)

    def _receive(self, stream: Stream) -> None:
        total = stream.facts.size
        if None not in (total, self.size) and total != self.size:
            raise SourceError(f"{shown(self.uri)}: has {total} bytes; {self.size} are expected")
        if self.path.exists() and stream.facts == self._facts() and stream.facts.mark is not None and not self.sha256:
            return  # it is here already
        if stream.start == 0:
            self._forget()
            write_json(self.facts_file, asdict(stream.facts))
        self._check_room(total)
        try:
            self._write(stream)
        except OSError as error:
            raise SourceError(f"{self.part}: cannot be written: {error.strerror}") from error
        if total is not None and self._length(self.part) < total:
            raise InterruptedFetchError(f"{shown(self.uri)}: the connection broke off")

    def _write(self, stream: Stream) -> None:
        label = f"fetch {self.path.name}"
        with self.part.open("ab") as file, bar(label, stream.facts.size, done=stream.start, unit="B") as progress:
            while data := stream.read():
                file.write(data)
                progress.update(len(data))
                if self.size is not None and file.tell() > self.size:
                    raise SourceError(f"{shown(self.uri)}: sends more than the {self.size} bytes expected")

    def _check_room(self, total: int | None) -> None:
        room = shutil.disk_usage(self.part.parent).free
        if total is not None and total - self._length(self.part) > room:
            raise SourceError(f"{shown(self.uri)}: has {total} bytes; the disk of {self.part} has room for {room}")

    def _verify(self) -> None:
        """Check what has come; what is not as promised is removed."""
        found: tuple[object, object] = (self._length(self.part), sha256(self.part) if self.sha256 else None)
        for what, is_, wanted in (("size in bytes", found[0], self.size), ("sha256", found[1], self.sha256)):
            if wanted is not None and is_ != wanted:
                self._forget()
                raise SourceError(
                    f"{shown(self.uri)}: its {what} is {is_}; expected was {wanted}. What came was removed: either it "
                    "was damaged on the way, or the file has changed where it comes from"
                )

    def _is_whole(self) -> bool:
        return self.part.exists() and self._length(self.part) == self._facts().size

    def _facts(self) -> Facts:
        try:
            return Facts(**json.loads(self.facts_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Facts()

    def _forget(self) -> None:
        for file in (self.part, self.path, self.facts_file):  # the facts last: without them, no part is gone on with
            file.unlink(missing_ok=True)

    @staticmethod
    def _length(file: Path) -> int:
        return file.stat().st_size if file.exists() else 0


@contextmanager
def _alone(home: Path, uri: str) -> Iterator[None]:
    try:
        with FileLock(home / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise SourceError(f"{shown(uri)}: another process is fetching it; wait for it to end") from error


def _name(uri: str) -> str:
    """Return a plain file name for what lies at an address."""
    last = unquote(urlsplit(uri).path).rstrip("/").rpartition("/")[2]
    return re.sub(r"[^\w.-]", "_", last, flags=re.ASCII).lstrip(".")[-100:] or "file"
