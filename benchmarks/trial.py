"""A dataset of a comparison, and a clone of HEAD in which it lies ready, labelled and split."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchmarks.machine import ROOT
from graft.data.raw import raw_root

SHARED = ROOT.parent / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Trial:
    """Name, the archive of its pictures where it has no source of its own, fastai's epochs after its frozen one.

    The name is that of a preset, or of none where `graft use` is to find out what lies in the archive.
    """

    preset: str
    archive: str | None
    epochs: int


TRIALS = (
    Trial("solar-cells-random", None, 2),
    Trial("dogs-vs-cats", "dogs-vs-cats-800.zip", 2),
    Trial("doraemon-walle", "doraemon-walle.zip", 3),
    Trial("food-10", "food-10.zip", 2),
)


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone of HEAD; its commands run by this process's Python."""

    folder: Path

    def call(self, *words: str) -> None:
        """Run a module in the clone."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        command = [sys.executable, "-m", *words]
        subprocess.run(command, cwd=self.folder, env=os.environ | {"PATH": path}, check=True)

    @property
    def images(self) -> Path:
        """The folder that the tables' paths count from."""
        return (self.folder / raw_root(self.folder / "data/raw")).resolve()

    def table(self) -> pd.DataFrame:
        """Path, label and split of every picture."""
        labels, split = (pd.read_csv(self.folder / f"data/{name}.csv", dtype=str) for name in ("labels", "split"))
        return labels.merge(split, on="path", validate="one_to_one")[["path", "label", "split"]]


def words(preset: str, archive: str | None, shared: Path = SHARED) -> list[str]:
    """What `graft use` is called with: a preset, where one has that name, and an archive among the shared."""
    place = [str((shared / archive).resolve(strict=True))] if archive else []
    if not (ROOT / f"presets/{preset}.yaml").is_file():
        return place
    return [preset, "--from", *place] if place else [preset]


@contextmanager
def cloned(*used: str) -> Iterator[Clone]:
    """Clone HEAD and have `graft use` take some words there; the clone is gone in the end."""
    with TemporaryDirectory() as folder:
        clone = Clone(Path(folder) / "graft")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone.folder)], check=True)
        clone.call("graft", "use", *used)
        yield clone


@contextmanager
def ready(trial: Trial, shared: Path) -> Iterator[Clone]:
    """Clone HEAD, bring pictures and weights there and split; the clone is gone in the end."""
    with cloned(*words(trial.preset, trial.archive, shared)) as clone:
        clone.call("dvc", "repro", "--quiet", "split", "download@weights")
        yield clone
