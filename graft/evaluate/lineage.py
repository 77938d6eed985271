"""What the figures follow from: a digest of every input, and the versions that computed."""

import hashlib
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("graft", "torch", "timm", "torchvision", "numpy", "pillow", "scikit-learn")


def digests(files: list[Path]) -> dict[str, str]:
    """SHA-256 of each file by its path, read piece by piece."""
    found = {}
    for file in files:
        with file.open("rb") as content:
            found[file.as_posix()] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def versions() -> dict[str, str]:
    """Versions of what decides on the figures."""
    return {name: version(name) for name in PACKAGES}
