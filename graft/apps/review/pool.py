"""The pool of images without a label, and batches of it to be labelled next.

A label in test counts for nothing here: what is learnt from must not be chosen by what is measured on.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances

from graft.apps.review.acquisition import Features, Numbers, choose
from graft.apps.review.cases import LABELS, SPLIT, UNLABELLED, Case, ImageFile, read_labels
from graft.core import tables
from graft.core.errors import DataError
from graft.core.seeds import derive
from graft.data.arrays import Embeddings
from graft.data.dataset import LABEL_DELIMITER, Targets, targets
from graft.heads.examples import Examples
from graft.heads.lbfgs import Moments, solve
from graft.network.head import head_logits
from graft.report.neighbours import Standardised
from graft.split.assign import by_folder
from graft.tasks import Task, make_task

IMAGES, WITHOUT = Path("data/images.csv"), Path("reports/index/unlabelled.csv")
EMBEDDINGS = Path("data/embeddings/features.npy")

MAX_IMAGES = 5_000
"""Images with a label, and images without, that a batch is chosen by; of more, so many are drawn."""

DIRECTIONS = 50
"""Principal components of the features in which distances are taken: along the rest there is noise."""

PENALTY = 0.1
"""That of the head: between those that `train_head.l2` tries, for there may be too few labels to choose by."""

NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Guess:
    """What a head that was fitted to the labels so far says of some images.

    Attributes:
        task: among the classes that the labels teach anything about.
        probabilities: `[N, K]` of these.
        answers: `[N, K]`, one where a class is answered.
    """

    task: Task
    probabilities: NDArray[np.float64]
    answers: NDArray[np.float64]

    @property
    def doubt(self) -> NDArray[np.float64]:
        """Probabilities less answers, `[N, K]`."""
        return self.probabilities - self.answers

    def of(self, number: int) -> tuple[list[str], float]:
        """The classes that are answered for an image, and the probability of the least sure of its answers."""
        held = self.answers[number] > 0
        sure = np.where(held, self.probabilities[number], 1 - self.probabilities[number])
        return [name for name, holds in zip(self.task.classes, held, strict=True) if holds], float(sure.min())


def guess(labelled: Examples, task: Task, rows: Numbers, moments: Moments) -> Guess | None:
    """Fit a head to labels, and say what it answers about other rows of the features; None if there is no label."""
    learnable = task.learnable(labelled.targets)
    if not len(labelled) or not learnable.any():
        return None
    part, wanted = task.restrict(labelled.targets, learnable)
    examples = Examples(labelled.embeddings, labelled.rows, wanted, labelled.flips)
    head = next(solve(examples, part, [PENALTY], moments)).head
    probabilities = part.probabilities(head_logits(head, labelled.embeddings, rows))
    decided = part.decide(probabilities)
    answers = decided.astype(np.float64) if decided.ndim == 2 else np.eye(len(part.classes))[decided]
    return Guess(part, probabilities, answers)


def reduced(features: Features) -> Features:
    """Features `[N, D]` by their principal components, as `choose` takes them."""
    directions = min(DIRECTIONS, *features.shape)
    return np.asarray(PCA(directions, svd_solver="randomized", random_state=0).fit_transform(features))


@dataclass(frozen=True, slots=True)
class Pool:
    """The images that batches are chosen of and by, and those labels that count.

    Attributes:
        without: paths of all images without a label.
        paths: `[N]`, of these and of images with a label in train or valid, as many as count.
        stored: their features.
        features: the same by principal components, `[N, D]`.
        copies: by path of any image, the group of its duplicates.
        labels: of every image that has some.
        splits: of every image that is in one.
    """

    without: list[str]
    paths: list[str]
    stored: Standardised
    features: Features
    copies: dict[str, str]
    labels: dict[str, list[str]]
    splits: dict[str, str]
    multi_label: bool

    @classmethod
    def read(cls) -> Self:
        """Read what `index`, `embed` and, if it has run, `split` wrote.

        Raises:
            DataError: `embed` has not run, or no image is without a label.
        """
        for file in (IMAGES, LABELS, WITHOUT, EMBEDDINGS):
            if not file.is_file():
                raise DataError(f"{file} is absent: there is nothing to choose by yet; run `dvc repro embed`")
        labels, multi_label = read_labels(LABELS)
        splits = _column(SPLIT, "split") if SPLIT.is_file() else {}
        without = tables.read(WITHOUT)["path"]
        if without.empty:
            raise DataError("every picture has a label; add pictures to the source, and run `dvc repro embed`")
        learnt = pd.Series([path for path in labels if splits.get(path) in ("train", "valid", None)], dtype=str)
        paths = [path for some in (without, learnt) for path in _drawn(some)]
        stored = Standardised.of(Embeddings(EMBEDDINGS), paths)
        features = reduced(stored.read(np.arange(len(paths))))
        copies = _column(IMAGES, "duplicate_group")
        return cls(without.tolist(), paths, stored, features, copies, labels, splits, multi_label)

    def batch(
        self, corrected: Mapping[str, list[str] | str], skipped: Set[str], count: int, at_random: bool = False
    ) -> list[Case]:
        """Choose the next images to label, each with a guess and its nearest neighbours among those with a label.

        Of copies one is shown, and none where one has a label; what was skipped comes when nothing else is left.

        Args:
            corrected: labels, or `"drop"`, by path, in corrections.csv.
            at_random: whether to draw them instead.
        """
        labels = {path: list(names) for path, names in self.labels.items() if corrected.get(path) != "drop"}
        labels |= {path: names for path, names in corrected.items() if isinstance(names, list)}
        known = np.asarray([number for number, path in enumerate(self.paths) if path in labels], dtype=np.int64)
        free = self._free({self.copies.get(path) for path in labels}, corrected.keys() | labels.keys(), skipped)
        task, wanted = self._targets(known, labels)
        moments = torch.from_numpy(self.stored.mean), torch.from_numpy(self.stored.scale)
        examples = Examples(self.stored.embeddings, self.stored.rows[known], wanted, 1)
        guessed = guess(examples, task, self.stored.rows, moments)
        seed = derive(0, "label", len(labels), len(skipped))
        if at_random:
            chosen = np.random.default_rng(seed).permutation(free)[:count]
        else:
            chosen = choose(self.features, known, free, None if guessed is None else guessed.doubt, count, seed)
        return [self._case(number, guessed, known, labels) for number in chosen]

    def waiting(self, corrected: Mapping[str, list[str] | str]) -> int:
        """How many images have neither a label nor a correction."""
        return sum(path not in corrected for path in self.without)

    def warnings(self, split_by: str) -> Iterator[str]:
        """Say which of the images without a label the split would leave out, had they one."""
        outside = 0
        if split_by == "column":
            outside = len(self.without)
        elif split_by == "folder":
            outside = int((by_folder(pd.Series(self.without, dtype=str)) == "").sum())
        if outside:
            yield (
                f"split.by is {split_by}, which puts {outside} of the {len(self.without)} pictures without a label "
                "into no split: labelled, they would be excluded; split.by: random and hash take all"
            )

    def _free(self, labelled: Set[str | None], decided: Set[str], skipped: Set[str]) -> Numbers:
        """Numbers of the images to choose from."""
        waiting = {path: number for number, path in enumerate(self.paths) if path not in decided}
        fresh = {path: number for path, number in waiting.items() if path not in skipped} or waiting
        one_each: dict[str, int] = {}
        for path, number in fresh.items():
            if self.copies[path] not in labelled:
                one_each.setdefault(self.copies[path], number)
        return np.asarray(list(one_each.values()), dtype=np.int64)

    def _targets(self, known: Numbers, labels: Mapping[str, list[str]]) -> tuple[Task, Targets]:
        names = [labels[self.paths[number]] for number in known]
        classes = sorted({name for some in names for name in some})
        column = "labels" if self.multi_label else "label"
        rows = pd.DataFrame({column: [LABEL_DELIMITER.join(some) for some in names]}, dtype=str)
        return make_task(classes, self.multi_label), targets(rows, classes)

    def _case(self, number: int, guessed: Guess | None, known: Numbers, labels: Mapping[str, list[str]]) -> Case:
        distances = pairwise_distances(self.features[[number]], self.features[known])[0] if len(known) else np.empty(0)
        near = [self.paths[known[place]] for place in np.argsort(distances, kind="stable")[:NEIGHBOURS]]
        suggested, confidence = guessed.of(number) if guessed is not None else (None, 0.0)
        neighbours = tuple(ImageFile(path, labels[path], self.splits.get(path, "")) for path in near)
        return Case(UNLABELLED, confidence, suggested, (ImageFile(self.paths[number], None, ""),), neighbours)


def _column(file: Path, name: str) -> dict[str, str]:
    """A column of a table, by path."""
    table = tables.read(file, ["path", name])
    return dict(zip(table["path"], table[name], strict=True))


def _drawn(paths: pd.Series) -> list[str]:
    """All of some paths, or as many as count, in order."""
    order = np.random.default_rng(derive(0, "pool")).permutation(len(paths))[:MAX_IMAGES]
    return paths.iloc[np.sort(order)].tolist()
