"""train-head: fit the head on stored embeddings.

Reads   data/embeddings, data/labels.csv, data/split.csv (train and valid only)
Params  lr, seed, train_head
Writes  models/head/ (weights, description), reports/train-head/ (curves, metrics)
"""

from pathlib import Path

from graft import atomic
from graft.model.embeddings import Embeddings
from graft.model.saved import describe, save
from graft.params import LearningRate, Seed
from graft.split.table import read_dataset
from graft.train.head import fit_head
from graft.train.train_head import TrainHead
from stages.curves import write_curves
from stages.runtime import Run, start

EMBEDDINGS, LABELS, SPLIT = Path("data/embeddings"), Path("data/labels.csv"), Path("data/split.csv")
HEAD, REPORT = Path("models/head"), Path("reports/train-head")


def main(run: Run) -> None:
    knobs: TrainHead = run.params("train_head", TrainHead)
    learning_rate, seed = run.params("lr", LearningRate), run.params("seed", Seed)

    dataset = read_dataset(LABELS, SPLIT)
    fitted = fit_head(Embeddings(EMBEDDINGS / "features.npy"), dataset, knobs, learning_rate, seed)

    with atomic.new_folder(REPORT) as report:
        write_curves(report, fitted.curves)
        atomic.write_json(report / "metrics.json", {"valid": fitted.metrics()})
    with atomic.new_folder(HEAD) as folder:
        asked = {"classes": dataset.classes, "multi_label": dataset.multi_label} | knobs.described()
        save(folder, fitted.head, describe(EMBEDDINGS).model_copy(update=asked))
    run.log("valid " + ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in fitted.metrics().items()))


if __name__ == "__main__":
    start("train-head", main)
