"""Scan the source: find every file, decode it once, and say of each whether it is an image or why not."""

import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from graft.core.engine import spread
from graft.core.errors import DataError
from graft.core.files import sha256
from graft.core.litter import is_hidden
from graft.core.progress import bar
from graft.data.raw import names
from graft.images.decode import Decoded, NotAnImageError, TooManyPixelsError, UnreadableError, decode
from graft.images.formats import IMAGE_SUFFIXES
from graft.images.regions import Region
from graft.index.config import Index
from graft.index.fingerprints import FingerprintStore, fingerprint
from graft.index.regions import Boxes
from graft.index.results import ImageFile, Parts, Rejected, Results

COLUMNS = (
    *("path", "sha256", "bytes", "width", "height", "format", "mode", "camera", "taken", "darkest", "brightest"),
    "note",
)
"""Columns of images.csv, before the depth and the duplicate group."""
WHOLE = Boxes()
LINK = (
    "a link to a folder outside the source, or around itself, which is not followed: put the folder itself there, or "
    "name a folder in source.uri that holds both"
)


class _NotMeantError(Exception):
    """The file was never meant as an image of this dataset."""


def scan(
    root: Path, config: Index | None = None, boxes: Boxes = WHOLE, unfinished: Path | None = None
) -> Iterator[ImageFile | Rejected]:
    """Yield one result for every file below a folder, in order of path, or one for each of its boxes.

    Files are decoded side by side, a bounded number at once (`graft.core.engine`). No file is changed, and nothing
    that is not a regular file is opened. Files that `index.only` leaves out are rejected unread.

    Args:
        root: the folder.
        config: by default, all files are let in.
        boxes: by default, images count whole.
        unfinished: where results are kept from which a scan that was killed goes on.

    Raises:
        EngineError: work cannot be spread as ``GRAFT_ENGINE`` says.
    """
    paths, top = names(root), root.absolute()
    parts = Parts(unfinished, root, paths) if unfinished else None
    done = parts.files if parts else 0
    yield from parts.kept() if parts else ()
    work = partial(_scan_file, top, config or Index(), boxes.file, boxes.margin)
    rest = ((name, boxes.of_image.get(name, [])) for name in paths[done:])
    with bar("index", len(paths), done) as progress:
        for results in spread(work, rest, partial(_files, top)):
            if parts:
                parts.add(results)
            progress.update()
            yield from results
    yield from (Rejected(name, "bad", f"{boxes.file} names it, and no such file is there") for name in boxes.astray)


def scan_tables(
    results: Iterator[ImageFile | Rejected], fingerprints: FingerprintStore
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gather results into the table of images and the table of rejected files; fingerprints go to their store.

    Column by column: a million rows fit in memory, a million objects do not.
    """
    images: dict[str, list[Any]] = {column: [] for column in COLUMNS}
    rejected: dict[str, list[str]] = {"path": [], "kind": [], "reason": []}
    for result in results:
        columns = images if isinstance(result, ImageFile) else rejected
        for column, values in columns.items():
            values.append(getattr(result, column))
        if isinstance(result, ImageFile):
            fingerprints.add(result.fingerprint)
    return pd.DataFrame(images), pd.DataFrame(rejected, dtype=str)


def check_bad_files(rejected: pd.DataFrame, images: int, config: Index) -> None:
    """Stop when files that should be images cannot be used, and are too many or must all be usable, or none is let in.

    Other files, such as a table of labels, do not count.

    Raises:
        DataError: with the count, the limit and the first few files and reasons.
    """
    bad = rejected[rejected["kind"] == "bad"]
    if not images and not len(bad) and config.only and len(rejected):
        example = f"such as {rejected['path'].iloc[0]!r}"
        raise DataError(f"index.only {config.only} leaves out all {len(rejected)} files, {example}; mend its patterns")
    allowed = config.max_bad * (len(bad) + images)
    if not len(bad) or (config.on_bad == "skip" and len(bad) <= allowed):
        return
    shown = "\n".join(f"  {row.path}: {row.reason}" for row in bad.head(10).itertuples())
    more = f"\n  and {len(bad) - 10} more" if len(bad) > 10 else ""
    rule = "index.on_bad is 'fail'" if config.on_bad == "fail" else f"over index.max_bad = {config.max_bad:g}"
    raise DataError(f"{len(bad)} of {len(bad) + images} pictures cannot be used, {rule}:\n{shown}{more}")


Named = tuple[str, Sequence[Region]]
"""A file, and the boxes in it."""


def _files(top: Path, item: Named) -> list[Path]:
    return [top / item[0]]


def _scan_file(top: Path, config: Index, table: str, margin: float, item: Named) -> Results:
    name, regions = item
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    try:
        if is_hidden(name):
            raise _NotMeantError(
                "hidden: its name, or its folder's, begins with a dot or is a system's, such as __MACOSX"
            )
        if not config.takes(name):
            raise _NotMeantError("is left out by index.only")
        if shown != name:
            raise UnreadableError("its name is not UTF-8; rename it")
        return _images(top / name, name, table, margin, regions)
    except _NotMeantError as error:
        return [Rejected(shown, "other", str(error))]
    except UnreadableError as error:
        return [Rejected(shown, "bad", str(error))]
    except OSError as error:
        return [Rejected(shown, "bad", f"cannot be read: {error.strerror}")]


def _decoded(path: Path) -> tuple[Decoded, int]:
    """What a file holds, and of how many bytes it is."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise UnreadableError("a link that leads nowhere") from error
    if stat.S_ISDIR(mode):
        raise UnreadableError(LINK if path.is_symlink() else "the folder cannot be read")
    if not stat.S_ISREG(mode):
        raise UnreadableError("not a regular file but a pipe, socket or device")
    with path.open("rb") as file:
        try:
            decoded = decode(file)
        except TooManyPixelsError as error:
            raise UnreadableError(f"{error}, the most that is read: save it smaller, or cut it") from error
        except NotAnImageError as error:
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                suffix = path.suffix or "no suffix"
                raise _NotMeantError(f"no picture, by its name ({suffix}) and its content") from error
            if file.seek(0, os.SEEK_END) == 0:
                raise UnreadableError("empty: zero bytes") from error
            raise
        return decoded, file.seek(0, os.SEEK_END)


def _images(path: Path, name: str, table: str, margin: float, regions: Sequence[Region]) -> Results:
    """The image in a file, or, where a table has boxes, each of those."""
    decoded, size = _decoded(path)
    note = "" if path.suffix.lower() in IMAGE_SUFFIXES else "a picture by its content, not by its name"
    own = (decoded.format, decoded.mode, decoded.camera, decoded.taken)
    darkest, brightest = decoded.span or (None, None)
    digest, image = sha256(path), decoded.image

    def found(name: str, part: Image.Image, *more: str) -> ImageFile:
        notes = "; ".join(filter(None, (note, decoded.note, *more)))
        return ImageFile(name, digest, size, *part.size, *own, darkest, brightest, notes, fingerprint(part))

    if not table:
        return [found(name, image)]
    results: list[ImageFile | Rejected] = []
    for box in regions:
        region = box.widened(margin)
        if (inner := box.within(*image.size)) is None:
            results.append(
                Rejected(region.of(name), "bad", f"lies outside the picture of {image.width} x {image.height}")
            )
        else:
            cut = "" if inner == box else "its box goes beyond the picture, and is cut off there"
            results.append(found(region.of(name), region.crop(image), cut))
    return results or [Rejected(name, "other", f"has no box in {table}")]
