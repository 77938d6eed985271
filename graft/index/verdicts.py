"""What the index found: verdicts gathered into tables, and counted."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd

from graft.errors import DataError
from graft.index.files import Picture, Rejected
from graft.index.labels import Labelled


def collect(verdicts: Iterable[Picture | Rejected]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sort verdicts into the table of pictures and the table of rejected files."""
    pictures: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for verdict in verdicts:
        (pictures if isinstance(verdict, Picture) else rejected).append(asdict(verdict))
    columns = list(Picture.__dataclass_fields__)
    return pd.DataFrame(pictures, columns=columns), pd.DataFrame(rejected, columns=["path", "reason"])


def limit(rejected: pd.DataFrame, share: float, files: int) -> None:
    """Stop when more than a share of the files is unusable: the source is then not what it seems.

    Raises:
        DataError: with the count, the limit and the first few files and reasons.
    """
    if len(rejected) > share * files:
        shown = "\n".join(f"  {row.path}: {row.reason}" for row in rejected.head(10).itertuples())
        raise DataError(
            f"{len(rejected)} of {files} files cannot be used, over index.max_rejected = {share:g}:\n{shown}"
        )


def counts(images: pd.DataFrame, rejected: pd.DataFrame, labelled: Labelled) -> dict[str, Any]:
    """Count what was found: every file is a picture or rejected, every picture labelled or not."""
    return {
        "files": len(images) + len(rejected),
        "pictures": len(images),
        "rejected": len(rejected),
        "labelled": len(labelled.rows),
        "unlabelled": len(labelled.unlabelled),
        "table_rows_without_picture": len(labelled.orphans),
        "duplicates": len(images) - int(images["duplicate_group"].nunique()),
        "classes": labelled.rows["label"].value_counts().sort_index().to_dict(),
    }
