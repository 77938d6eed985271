"""What tells one file's content from another's."""

import hashlib
from pathlib import Path


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits; read piece by piece."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
