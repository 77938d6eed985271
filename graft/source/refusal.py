"""How an archive is refused: one error that names the archive, the member and the reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graft.core.errors import SourceError


class UnsafeError(Exception):
    """A member that is not unpacked; the text says why and follows the member's name."""


@contextmanager
def explained(archive: Path, member: str | None = None) -> Iterator[None]:
    """Turn whatever a reader of archives raises into a SourceError that names archive and member."""
    where = f"{archive}: " if member is None else f"{archive}: member {member!r} "
    try:
        yield
    except SourceError:
        raise
    except UnsafeError as error:
        raise SourceError(f"{where}{error}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{where}has a name that is not UTF-8") from error
    except Exception as error:  # readers of damaged archives raise whatever they meet
        raise SourceError(
            f"{where}cannot be read, it is damaged or cut off: {error or type(error).__name__}"
        ) from error
