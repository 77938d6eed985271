"""train-head: fit the head on stored embeddings.

Reads   data/embeddings, data/images.csv (copies), data/labels.csv, data/split.csv (train and valid only)
Params  lr, seed, train_head
Writes  models/head/ (weights, description; refit/: those of train and valid; answers out of fold), reports/train-head/
        (curves, metrics)
"""

from pathlib import Path

import numpy as np

from graft.core.files import new_folder, write_json
from graft.core.seeds import Seed
from graft.data.arrays import Embeddings
from graft.data.dataset import read_dataset, read_duplicate_groups
from graft.heads.config import TrainHead
from graft.heads.cross_validate import OUT_OF_FOLD, SEEN, cross_validate
from graft.heads.fit import fit_head
from graft.network.head import REFIT, describe, save
from graft.optim.config import LearningRate
from stages.curves import epoch_lines, write_curves
from stages.runtime import Run, start

EMBEDDINGS, IMAGES = Path("data/embeddings"), Path("data/images.csv")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")
HEAD, REPORT = Path("models/head"), Path("reports/train-head")


def main(run: Run) -> None:
    config: TrainHead = run.params("train_head", TrainHead)
    learning_rate, seed = run.params("lr", LearningRate), run.params("seed", Seed)

    dataset, embeddings = read_dataset(LABELS, SPLIT), Embeddings(EMBEDDINGS / "features.npy")
    chosen = None
    if config.cross_validates:
        duplicates = read_duplicate_groups(IMAGES, dataset)
        chosen = cross_validate(embeddings, dataset, duplicates, config, learning_rate, seed)
        run.log(str(chosen or "not cross-validated: train and valid are one group"))
    if chosen:
        config = config.model_copy(update={"l2": [chosen.l2]})
    fitted = fit_head(embeddings, dataset, config, learning_rate, seed)

    for row in fitted.epochs:
        for line in epoch_lines(row, heading=row["epoch"] == 1):
            run.log(line)
    with new_folder(REPORT) as report:
        write_curves(report, fitted.curves, fitted.epochs)
        write_json(report / "metrics.json", {"valid": fitted.metrics()} | (chosen.metrics() if chosen else {}))
    with new_folder(HEAD) as folder:
        values = {"classes": dataset.classes, "multi_label": dataset.multi_label} | config.described()
        description = describe(EMBEDDINGS).model_copy(update=values)
        save(folder, fitted.head, description)
        if chosen:
            np.save(folder / OUT_OF_FOLD, chosen.logits.astype(np.float32))
            refitted = fit_head(embeddings, dataset, config, learning_rate, seed, SEEN)
            (folder / REFIT).mkdir()
            save(folder / REFIT, refitted.head, description.model_copy(update={"refit": True}))
    run.log("valid " + ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in fitted.metrics().items()))


if __name__ == "__main__":
    start("train-head", main)
