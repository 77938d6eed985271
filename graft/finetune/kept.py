"""Views drawn once, as the frozen layers see them: what is trained behind those is all that is computed again."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from graft.augment.augment import augment
from graft.core.errors import ParamsError
from graft.core.progress import bar
from graft.core.seeds import derive
from graft.data.arrays import PartialArray
from graft.data.dataset import LabelledImages
from graft.finetune.cut import cut
from graft.finetune.step import Step
from graft.network.device import autocast
from graft.network.resample import sample

MARK_EVERY = 16
"""Batches between two marks of progress."""


class KeptViews:
    """Some random views of every training picture, float16, as the last frozen layer gives them.

    Args:
        step: holds the network and how its views are drawn.
        train: the pictures.
        count: views of each.
        seed: root of the draws.
        folder: where they lie, 2 bytes a number.

    Raises:
        ParamsError: the network cannot be cut where freezing ends, or views are to be mixed.
    """

    def __init__(self, step: Step, train: LabelledImages, count: int, seed: int, folder: Path) -> None:
        if step.views.mixup or step.views.cutmix:
            raise ParamsError(
                f"finetune.views: {count} views are kept as frozen layers see them, which mixup "
                f"{step.views.mixup:g} and cutmix {step.views.cutmix:g} cannot mix; set views to null or both to 0"
            )
        self.step, self.train, self.count, self.seed = step, train, count, seed
        self.size = step.config.size_at(1, step.network.view)
        first, _ = train.batch(np.arange(min(2, len(train))), step.device)
        example = sample(first, self.size)
        self.cut = cut(step.network.eval(), example)
        with torch.no_grad():
            shape = _stored(self.cut.head(example)).shape[1:]
        self._array = PartialArray(folder / "views", (count * len(train), *shape), np.float16)

    def fill(self) -> None:
        """Compute what is not there yet: view by view, all pictures of each."""
        network, size = self.step.network.eval(), self.step.config.batch_size
        ends = [*range(0, len(self.train), size), len(self.train)]
        todo = [(view, start, stop) for view in range(self.count) for start, stop in pairwise(ends)]
        with bar("views", self.count * len(self.train), self._array.done) as progress:
            for number, (view, start, stop) in enumerate(todo, start=1):
                row = view * len(self.train) + start
                if row < self._array.done:
                    continue
                places = np.arange(start, stop)
                pixels, _ = self.train.batch(places, self.step.device)
                draws = derive(self.seed, "view", view, start)
                views = augment(pixels, self.step.views, self.size, draws, self.train.squeezed(places))
                with torch.no_grad(), autocast(self.step.device, self.step.config.precision):
                    given = _stored(self.cut.head(views))
                self._array.rows[row : row + stop - start] = given.half().cpu().numpy()
                progress.update(stop - start)
                if number % MARK_EVERY == 0 or number == len(todo):
                    self._array.mark(row + stop - start)
        network.train()

    def batch(self, places: NDArray[np.int64], epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Read one view of some pictures, float16 on the device, and their targets.

        Every picture shows its views in turn, each beginning with another one.
        """
        turn = np.random.default_rng(derive(self.seed, "turn")).integers(self.count, size=len(self.train))
        rows = (turn[places] + epoch) % self.count * len(self.train) + places
        given = torch.from_numpy(self._array.rows[rows]).to(self.step.device)
        targets = torch.from_numpy(self.train.targets[places]).to(self.step.device)
        return (given.permute(0, 3, 1, 2) if given.ndim == 4 else given), targets


def _stored(given: torch.Tensor) -> torch.Tensor:
    """Grids `[B, C, h, w]` with the channels last, as a network reads them fastest."""
    return given.permute(0, 2, 3, 1) if given.ndim == 4 else given
