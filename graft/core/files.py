"""Outputs that appear whole or not at all.

What is being written bears a name of its own (``.name.partial``, beside the final one) and is
renamed when complete, so that a killed run never leaves half an output that looks finished.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `path` when the block ends, and is removed after an exception."""
    partial = _partial(path)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a file name that becomes `path` when the block ends; what was written is removed after an exception."""
    partial = _partial(path)
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8 with line feeds on every platform."""
    with new_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write JSON with stable formatting, floats rounded to nine significant digits.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say; write None with a reason.
    """
    write_text(path, json.dumps(_rounded(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else value
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def _partial(path: Path) -> Path:
    """Name of the unfinished `path`; what an earlier, killed run left there is removed."""
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial) if partial.is_dir() else partial.unlink(missing_ok=True)
    return partial


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
