"""The installed code that a project's stages run, as ``code.json`` records it.

In a project that `graft new` made, graft lies among the installed packages, where DVC does not look. There
DVC compares, a stage at a time, the digests in ``code.json``; and a stage runs only if they are true.
"""

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from graft.core.errors import StageError
from graft.core.files import sha256

RECORD = Path("code.json")
ROOT = Path(__file__).resolve().parents[2]
"""Where ``graft`` lies."""


def read_record() -> dict[str, Any]:
    """Read ``code.json``.

    Returns:
        ``graft``, a version; ``code``, a digest for each stage, which DVC compares; ``closure``, the names of the
        parts that each digest is of, in one text; ``parts``, what each was when `graft upgrade` looked; and
        ``files``, the digest of every file of the project as graft has it.

    Raises:
        StageError: it is no such record.
    """
    try:
        record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
        kinds = {"graft": str, "code": dict, "closure": dict, "parts": dict, "files": dict}
        if wrong := [key for key, kind in kinds.items() if not isinstance(record[key], kind)]:
            raise TypeError(f"{wrong[0]} is no {kinds[wrong[0]].__name__}")
    except (ValueError, KeyError, TypeError) as error:
        raise StageError(f"{RECORD} is not as `graft new` wrote it ({error}); take it back out of git") from error
    return record


def check(*stages: str) -> dict[str, str]:
    """Compare the installed code of stages, of all if none is named, with what the project records.

    Returns:
        The parts, as they are; nothing where there is no record, as in graft's own repository, and for stages of
        the user's own, which are none of the record.

    Raises:
        StageError: a part differs.
    """
    if not RECORD.is_file():
        return {}
    record = read_record()
    now = parts({name for stage in stages or record["code"] for name in record["closure"].get(stage, "").split()})
    if differing := differences(record["parts"], now):
        raise StageError(
            f"what is installed is not what {RECORD} records: {', '.join(differing)}; "
            f"install what it records (graft {record['graft']}), "
            "or let `graft upgrade` take what is installed into use, which says what runs again"
        )
    return now


def differences(before: dict[str, Any], now: dict[str, str]) -> list[str]:
    """Say which parts differ, a library with both its versions."""
    changed = [name for name in now if before.get(name) != now[name]]
    return [name if is_code(name) else f"{name} {before.get(name, 'not recorded')} -> {now[name]}" for name in changed]


def parts(names: Iterable[str]) -> dict[str, str]:
    """Digest of each room of graft, and version of each library, by name."""
    return {name: _digest(ROOT / name) if is_code(name) else _version(name) for name in sorted(names)}


def is_code(name: str) -> bool:
    """Tell a room or file of graft, such as ``graft/core``, from a library."""
    return "/" in name


def digest_of(text: str) -> str:
    """Digest of a text, 16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def combined(found: dict[str, str]) -> str:
    """One digest of several parts, 16 hexadecimal digits."""
    return digest_of(json.dumps(found, sort_keys=True))


def _digest(path: Path) -> str:
    """Digest of a file, or of a folder's names and content; what Python compiles there does not count."""
    inner = sorted(path.rglob("*")) if path.is_dir() else [path]
    files = [file for file in inner if file.is_file() and "__pycache__" not in file.parts]
    return combined({file.relative_to(ROOT).as_posix(): sha256(file) for file in files})


def _version(distribution: str) -> str:
    """Version of a library, without what says for which machine it was built, such as ``+cu130``."""
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return "not installed"
