"""Bring the dataset into the project as it is, so that later stages read only what lies here."""

import shutil
from pathlib import Path

from graft.errors import SourceError
from graft.progress import bar
from graft.source.locate import locate
from graft.source.settings import Source

CODE_SUFFIXES = {".py", ".pyc"}


def fetch_dataset(source: Source, into: Path) -> int:
    """Copy every regular file below the source into a folder; return how many.

    The code of a package (``.py``, ``.pyc``) is left out: a dataset is data. Modification times
    are kept, links are refused, and nothing is decoded here: `index` judges the files.

    Raises:
        SourceError: the source is absent, is not a folder, holds no file, or holds a link.
    """
    root = locate(source.uri)
    if not root.is_dir():
        raise SourceError(f"source.uri: {source.uri} is not a folder")
    files = sorted(
        path
        for path in root.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and path.suffix not in CODE_SUFFIXES
    )
    if not files:
        raise SourceError(f"source.uri: no file below {root}")
    with bar("download dataset", len(files)) as progress:
        for path in files:
            if path.is_symlink():
                raise SourceError(f"source.uri: {path} is a link; a dataset must hold its files itself")
            target = into / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
            progress.update()
    return len(files)
