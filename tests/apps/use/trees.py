"""Trees of files as people have them, made of names alone."""

from pathlib import Path

JPEG = b"\xff\xd8\xff\xe0"
"""What a JPEG begins with; no more is looked at."""


def plant(root: Path, *names: str) -> None:
    """Make files, each begun as a JPEG and unlike any other; texts are empty."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"" if name.endswith((".txt", ".csv")) else JPEG + name.encode())
