"""Read a file through fsspec: object stores (s3, gs, hf) and whatever else it reaches."""

from collections.abc import Iterator
from contextlib import contextmanager

import fsspec

from graft.core.addresses import shown
from graft.core.errors import SourceError, install
from graft.source.stream import CHUNK, Facts, InterruptedFetchError, Stream

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "hf": "hf"}
"""Which extra of graft brings the library that a protocol needs."""


@contextmanager
def open_store(uri: str, start: int) -> Iterator[Stream]:
    """Yield the file at an address from a byte on.

    Raises:
        InterruptedFetchError: it may go better another time.
        SourceError: it will not: no such file, no access, a folder, a protocol or library that is missing.
    """
    protocol = uri.partition("://")[0]
    with _explained(uri):
        try:
            system, path = fsspec.url_to_fs(uri)
        except ImportError as error:
            how = install(EXTRAS[protocol]) if protocol in EXTRAS else str(error)
            raise SourceError(f"{shown(uri)}: {protocol}:// needs a library that is not installed: {how}") from error
        except ValueError as error:
            raise SourceError(f"{shown(uri)}: {error}") from error
        info = system.info(path)
        if info["type"] == "directory":
            raise SourceError(f"{shown(uri)}: is a folder; name one archive, or copy the folder here and name the copy")
        facts = Facts(str(system.ukey(path)), info.get("size"))
        file = system.open(path, "rb")
    with file:
        with _explained(uri):
            file.seek(start)

        def read() -> bytes:
            with _explained(uri):
                return bytes(file.read(CHUNK))

        yield Stream(start, facts, read)


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    try:
        yield
    except SourceError:
        raise
    except FileNotFoundError as error:
        raise SourceError(f"{shown(uri)}: nothing lies at this address") from error
    except PermissionError as error:
        raise SourceError(f"{shown(uri)}: no access: {error}") from error
    except OSError as error:
        raise InterruptedFetchError(f"{shown(uri)}: {error or type(error).__name__}") from error
    except Exception as error:  # each store has errors of its own, such as missing credentials
        raise SourceError(f"{shown(uri)}: {type(error).__name__}: {error}") from error
