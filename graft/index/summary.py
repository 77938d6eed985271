"""What the index found: verdicts gathered into tables, and counted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from graft.core.errors import DataError
from graft.data.dataset import LABEL_DELIMITER, is_multi_label, label_column
from graft.index.config import Index
from graft.index.duplicates import Duplicates
from graft.index.fingerprints import Album
from graft.index.scan import ImageFile, Rejected
from graft.labels.rules import Labelled

COLUMNS = ("path", "sha256", "bytes", "width", "height", "format", "mode", "camera", "taken")
"""What images.csv says of each picture, before its duplicate group."""


@dataclass(slots=True)
class Found:
    """Pictures and rejected files, column by column: a million rows fit in memory, a million objects do not."""

    album: Album
    images: dict[str, list[Any]] = field(default_factory=lambda: {column: [] for column in COLUMNS})
    rejected: dict[str, list[str]] = field(default_factory=lambda: {"path": [], "kind": [], "reason": []})

    def collect(self, verdicts: Iterable[ImageFile | Rejected]) -> None:
        """Take verdicts in, one after the other."""
        for verdict in verdicts:
            columns = self.images if isinstance(verdict, ImageFile) else self.rejected
            for column, values in columns.items():
                values.append(getattr(verdict, column))
            if isinstance(verdict, ImageFile):
                self.album.add(verdict.look)

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the table of pictures and the table of rejected files."""
        return pd.DataFrame(self.images), pd.DataFrame(self.rejected, dtype=str)


def limit(rejected: pd.DataFrame, images: int, config: Index) -> None:
    """Stop when files that should be pictures cannot be used, and are too many or must all be usable.

    Files that lie aside, such as a table of labels, do not count.

    Raises:
        DataError: with the count, the limit and the first few files and reasons.
    """
    bad = rejected[rejected["kind"] == "bad"]
    allowed = config.max_bad * (len(bad) + images)
    if not len(bad) or (config.on_bad == "skip" and len(bad) <= allowed):
        return
    shown = "\n".join(f"  {row.path}: {row.reason}" for row in bad.head(10).itertuples())
    more = f"\n  and {len(bad) - 10} more" if len(bad) > 10 else ""
    rule = "index.on_bad is 'fail'" if config.on_bad == "fail" else f"over index.max_bad = {config.max_bad:g}"
    raise DataError(f"{len(bad)} of {len(bad) + images} pictures cannot be used, {rule}:\n{shown}{more}")


def by_class(rows: pd.DataFrame) -> pd.Series:
    """Class by path; a picture of several classes has a row for each, one of none has no row."""
    names = label_column(rows.set_index("path"))
    if not is_multi_label(rows):
        return names
    single = names.str.split(LABEL_DELIMITER, regex=False).explode()
    return single[single != ""]


def repeated(images: pd.DataFrame) -> pd.Series:
    """Mask of pictures that share their duplicate group with another."""
    return images["duplicate_group"].duplicated(keep=False)


def counts(
    images: pd.DataFrame, rejected: pd.DataFrame, labelled: Labelled, copies: Duplicates, conflicts: pd.DataFrame
) -> dict[str, Any]:
    """Count what was found: every file is a picture or rejected, every picture labelled or not."""
    return {
        "files": len(images) + len(rejected),
        "images": len(images),
        "bad": int((rejected["kind"] == "bad").sum()),
        "aside": int((rejected["kind"] == "aside").sum()),
        "labelled": len(labelled.rows),
        "unlabelled": len(labelled.unlabelled),
        "table_rows_without_picture": len(labelled.orphans),
        "duplicates": {"exact": copies.exact, "near": copies.near, "comparisons_skipped": copies.skipped},
        "conflicting_duplicate_groups": int(conflicts["duplicate_group"].nunique()),
        "classes": {
            str(name): int(count) for name, count in by_class(labelled.rows).value_counts().sort_index().items()
        },
    }
