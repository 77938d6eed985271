"""What the figures follow from: a digest of every input, and the versions that computed."""

from importlib.metadata import version
from pathlib import Path

from graft.core.files import sha256

PACKAGES = ("graft", "torch", "timm", "torchvision", "numpy", "pillow", "scikit-learn")


def digests(files: list[Path]) -> dict[str, str]:
    """SHA-256 of each file by its path."""
    return {file.as_posix(): sha256(file) for file in files}


def versions() -> dict[str, str]:
    """Versions of what decides on the figures."""
    return {name: version(name) for name in PACKAGES}
