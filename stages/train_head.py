"""train-head: fit the head on stored embeddings.

Reads   data/embeddings, data/labels.csv, data/split.csv (train and valid only)
Params  lr, seed, train_head
Writes  models/head/ (weights, description), reports/train-head/ (curves, metrics)
"""

from pathlib import Path

from graft.core.files import new_folder, write_json
from graft.core.seeds import Seed
from graft.data.arrays import Embeddings
from graft.data.dataset import read_dataset
from graft.heads.config import TrainHead
from graft.heads.fit import fit_head
from graft.network.head import describe, save
from graft.optim.config import LearningRate
from stages.curves import epoch_lines, write_curves
from stages.runtime import Run, start

EMBEDDINGS, LABELS, SPLIT = Path("data/embeddings"), Path("data/labels.csv"), Path("data/split.csv")
HEAD, REPORT = Path("models/head"), Path("reports/train-head")


def main(run: Run) -> None:
    config: TrainHead = run.params("train_head", TrainHead)
    learning_rate, seed = run.params("lr", LearningRate), run.params("seed", Seed)

    dataset = read_dataset(LABELS, SPLIT)
    fitted = fit_head(Embeddings(EMBEDDINGS / "features.npy"), dataset, config, learning_rate, seed)

    for row in fitted.epochs:
        for line in epoch_lines(row, heading=row["epoch"] == 1):
            run.log(line)
    with new_folder(REPORT) as report:
        write_curves(report, fitted.curves, fitted.epochs)
        write_json(report / "metrics.json", {"valid": fitted.metrics()})
    with new_folder(HEAD) as folder:
        values = {"classes": dataset.classes, "multi_label": dataset.multi_label} | config.described()
        save(folder, fitted.head, describe(EMBEDDINGS).model_copy(update=values))
    run.log("valid " + ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in fitted.metrics().items()))


if __name__ == "__main__":
    start("train-head", main)
