"""A file at an address, read from some byte on; and what may go wrong on the way."""

from collections.abc import Callable
from dataclasses import dataclass

from graft.core.errors import SourceError

CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Facts:
    """What tells one state of a remote file from another."""

    mark: str | None = None
    """ETag, time of change, or what else the server offers; None where it offers nothing."""
    size: int | None = None
    """Bytes of the whole file; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An open remote file."""

    start: int
    """The byte that `read` gives first: the one asked for, or 0 where the server cannot skip."""
    facts: Facts
    read: Callable[[], bytes]
    """Gives the next piece; empty at the end."""


class InterruptedFetchError(SourceError):
    """A failure of the moment: another try may go better."""
