"""What the pipeline leaves for `graft label`: features in three clouds, a class each, most of them without a label."""

from pathlib import Path

import numpy as np
import pandas as pd
from fastapi import FastAPI

from graft.apps.review.app import create_app
from graft.apps.review.cases import Case, Cases, Decisions, classes_of
from graft.apps.review.pool import Pool
from graft.core import tables
from tests.apps.review.project import ROOT, SECRET, drawing
from tests.report.stored_features import paths, stored

TRUTH = ["cat"] * 12 + ["dog"] * 10 + ["owl"] * 8
NAMES = paths(len(TRUTH))
COPY, COPIED = NAMES[5], NAMES[0]
"""The first without a label, the second with one, the same picture."""


def project(folder: Path, labelled: dict[int, str] | None = None, multi_label: bool = False) -> Path:
    """A folder in which graft has run, with labels of some images by number; image 13 is in test."""
    labelled = {0: "cat", 12: "dog", 13: "dog"} if labelled is None else labelled
    generator = np.random.default_rng(0)
    centres = np.asarray([("cat", "dog", "owl").index(name) for name in TRUTH])
    (folder / "data/embeddings").mkdir(parents=True)
    features = generator.normal(size=(len(TRUTH), 24)) + 20 * np.eye(3)[centres].repeat(8, axis=1)
    stored(folder / "data/embeddings", features)
    groups = [0 if name == COPY else number for number, name in enumerate(NAMES)]
    tables.write(folder / "data/images.csv", pd.DataFrame({"path": NAMES, "duplicate_group": groups}))
    known = pd.DataFrame({"path": [NAMES[n] for n in labelled], "label": [*labelled.values()]}, dtype=str)
    known = known.rename(columns={"label": "labels"}) if multi_label else known
    tables.write(folder / "data/labels.csv", known)
    if labelled:
        splits = ["test" if number == 13 else "train" for number in labelled]
        tables.write(folder / "data/split.csv", known[["path"]].assign(split=splits))
    without = [name for number, name in enumerate(NAMES) if number not in labelled]
    (folder / "reports/index").mkdir(parents=True)
    tables.write(folder / "reports/index/unlabelled.csv", pd.DataFrame({"path": without, "reason": "lies at the top"}))
    (folder / "data/raw").mkdir()
    for number, name in enumerate(NAMES):
        drawing(number).save(folder / "data/raw" / name)
    (folder / "corrections.csv").write_text("path,label,note\n")
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return folder


def decisions(pool: Pool, separator: str | None = None) -> Decisions:
    """Those of a project in the working folder."""
    return Decisions(Cases([], pool.labels, classes_of(pool.labels), pool.multi_label, new_classes=True), separator)


def app(count: int, separator: str | None = None) -> FastAPI:
    """Serve the project in the working folder, in batches."""
    pool = Pool.read()
    made = decisions(pool, separator)

    def more() -> list[Case]:
        return pool.batch(made.corrected(), made.skipped(), count)

    made.cases.rows.extend(more())
    return create_app(made.cases, made, Path("data/raw"), SECRET, more)
