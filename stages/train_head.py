"""train-head: fit the head on stored embeddings.

Reads   data/embeddings, data/labels.csv, data/split.csv (train and valid only)
Params  lr, seed, train_head
Writes  models/head/ (weights, description), reports/train-head/ (curves, metrics)
"""

from pathlib import Path

from graft import atomic
from graft.images.rows import PictureRows
from graft.model.saved import describe, save
from graft.params import LearningRate, Seed
from graft.split.table import read_dataset
from graft.train.head import HeadFit, TrainHead
from stages.curves import write_curves
from stages.runtime import Run, start

EMBEDDINGS, LABELS, SPLIT = Path("data/embeddings"), Path("data/labels.csv"), Path("data/split.csv")
HEAD, REPORT = Path("models/head"), Path("reports/train-head")


def main(run: Run) -> None:
    knobs: TrainHead = run.params("train_head", TrainHead)
    learning_rate, seed = run.params("lr", LearningRate), run.params("seed", Seed)

    dataset = read_dataset(LABELS, SPLIT)
    features = PictureRows(EMBEDDINGS / "features.npy")
    fit = HeadFit(features, dataset, knobs, learning_rate, seed)
    history = list(fit.run())
    head, best = fit.best()

    last = history[-1]
    right = fit.task.hits
    metrics = {"l2": knobs.l2[best], "log_loss": last.valid_loss[best], right: last.valid_right[best]}
    with atomic.new_folder(REPORT) as report:
        write_curves(report, (epoch.metrics(knobs.l2) for epoch in history))
        atomic.write_json(report / "metrics.json", {"valid": metrics})
    with atomic.new_folder(HEAD) as folder:
        asked = {"classes": dataset.classes, "multi_label": dataset.multi_label}
        save(folder, head, describe(EMBEDDINGS).model_copy(update=asked))
    run.log(
        f"valid {right.replace('_', ' ')} {metrics[right]:.4f}, log loss {metrics['log_loss']:.4f} "
        f"at l2 {metrics['l2']:g}"
    )


if __name__ == "__main__":
    start("train-head", main)
