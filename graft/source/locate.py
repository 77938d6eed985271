"""Turn what a user names into a path on this machine."""

import importlib.util
from pathlib import Path

from graft.core.addresses import PACKAGE
from graft.core.errors import SourceError


def locate(uri: str) -> Path:
    """Return the local path that `uri` names.

    Args:
        uri: ``package://NAME/PATH`` for a file or folder inside an installed Python package, or a
            path, relative to the working directory.

    Raises:
        SourceError: the package is not installed, or nothing lies at the path.
    """
    if uri.startswith("file://"):
        raise SourceError(f"{uri}: write the path itself, without file://")
    try:
        path = _in_package(uri) if uri.startswith(PACKAGE) else Path(uri).expanduser()
    except RuntimeError as error:
        raise SourceError(f"{uri}: there is no such user") from error
    if not path.exists():
        raise SourceError(f"{uri}: nothing lies at {path}")
    return path


def _in_package(uri: str) -> Path:
    name, _, inner = uri.removeprefix(PACKAGE).partition("/")
    if not name.isidentifier():
        raise SourceError(f"{uri}: {name!r} is no package name; expected {PACKAGE}NAME/PATH")
    # find_spec, unlike an import, runs none of the package's code
    spec = None if name == "__main__" else importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        dist = name.replace("_", "-")
        raise SourceError(f"{uri}: the package {name!r} is not installed; try `pip install {dist}`")
    root = Path(spec.submodule_search_locations[0])
    path = (root / inner).resolve()
    if not path.is_relative_to(root.resolve()):
        raise SourceError(f"{uri}: {inner!r} leads out of the package")
    return path
