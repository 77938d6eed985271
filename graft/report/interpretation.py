"""Why the network answers as it does, and what may be wrong in the data it was taught with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graft.core import tables
from graft.evaluate.config import Evaluate
from graft.evaluate.confusion import save_confused, save_no_matrix
from graft.evaluate.evaluation import Evaluation
from graft.network.network import Network
from graft.render.sheets import save_note
from graft.report.embedding_map import save_map
from graft.report.gallery import save_least_sure, save_surest
from graft.report.material import Material
from graft.report.overlay import save_cams
from graft.report.review import review, save_review


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What an evaluation is interpreted with.

    Attributes:
        evaluation: what the network answered.
        network: the one that answered, in evaluation mode.
        material: all that is known of the pictures.
        l2: penalty of the head that train-head chose; None for one with a hidden layer.
    """

    evaluation: Evaluation
    network: Network
    material: Material
    l2: float | None

    def write(self, folder: Path, config: Evaluate) -> dict[str, Any]:
        """Write galleries, heat maps, the map and what to review; return what the report shows of them."""
        told, task, pixels = self.evaluation.predictions, self.evaluation.task, self.material.pixels
        save_surest(folder / "surest.png", told, pixels, task, config.gallery)
        save_least_sure(folder / "least_sure.png", told, pixels, task, config.gallery)
        save_cams(folder / "cam.png", told, pixels, self.network, task, config.gallery // 2 or 1)
        save_map(folder, told, self.material.embeddings, task)
        return {"confused": self._confused(folder), "review": self._review(folder, config)}

    def _confused(self, folder: Path) -> list[tuple[str, str, int]]:
        """Classes that are taken for each other; with several labels a picture there are no such pairs."""
        task, targets = self.evaluation.task, self.evaluation.targets
        if task.multi_label:
            save_no_matrix(folder)
            return []
        decided, wanted = task.decide(self.evaluation.network), targets.astype(np.int64)
        return save_confused(folder, decided, wanted, task.classes)

    def _review(self, folder: Path, config: Evaluate) -> list[dict[str, Any]] | None:
        """What a person should look at again; None where it is not looked for."""
        if not config.review:
            save_note(folder / "review.png", "not looked for: evaluate.review is 0")
            return None
        known, task = self.material, self.evaluation.task
        table = review(known.dataset, known.copies, known.embeddings, task, self.l2, config.review)
        tables.write(folder / "review.csv", table)
        if len(table):
            save_review(folder / "review.png", table, known.pixels, task, config.gallery)
        else:
            save_note(folder / "review.png", "nothing is suspected")
        return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
