"""Presized images with their targets: one split, as training and evaluation see it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from graft.data.arrays import ImageRows
from graft.data.dataset import Dataset, Targets


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """`pixels` of all pictures; `rows` `[N]` of those meant, and their `targets`.

    `aspects` `[N]` are width over height of what their squares show; None where nothing is squeezed.
    """

    pixels: ImageRows
    rows: NDArray[np.int64]
    targets: Targets
    aspects: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, pixels: ImageRows, dataset: Dataset, split: str, aspects: NDArray[np.float32] | None = None) -> Self:
        """Take the pictures of one split, in order of path; `aspects` are of all rows of `pixels`."""
        rows = pixels.find(dataset.paths(split))
        return cls(pixels, rows, dataset.targets(split), None if aspects is None else aspects[rows])

    def batch(self, places: NDArray[np.int64], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Bring some of them to a device: pixels `[B, S, S, 3]` uint8, targets `[B]` int64 or `[B, K]` float32."""
        pixels = torch.from_numpy(self.pixels.read(self.rows[places]))
        return pixels.to(device), torch.from_numpy(self.targets[places]).to(device)

    def squeezed(self, places: NDArray[np.int64]) -> torch.Tensor | None:
        """Width over height of what some of the squares show, `[B]` float32, on the CPU; None if none is squeezed."""
        return None if self.aspects is None else torch.from_numpy(self.aspects[places])

    def __len__(self) -> int:
        return len(self.rows)
