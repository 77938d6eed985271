"""finetune: train the whole network from the head on, and hand on the better of the two.

Reads   data/presized, models/backbone, models/head, data/labels.csv, data/split.csv (train, valid)
Params  lr, seed, augment, finetune
Writes  models/finetuned/ (weights, description), reports/finetune/ (curves, metrics, augmented.png)
"""

import copy
from pathlib import Path

from dvclive import Live

from graft import atomic
from graft.images.augment import Augment
from graft.images.pictures import Pictures
from graft.images.rows import PictureRows
from graft.model.device import make_deterministic
from graft.model.head import load_head
from graft.model.network import graft_head, pretrained
from graft.model.saved import save
from graft.params import LearningRate, Seed
from graft.split.table import read_dataset
from graft.train.finetune import Finetune
from graft.train.groups import freeze
from graft.train.loop import Training
from graft.train.sheet import save_augmented
from graft.train.valid import better, score
from stages.runtime import Run, start

PRESIZED, BACKBONE, HEAD = Path("data/presized"), Path("models/backbone"), Path("models/head")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")
FINETUNED, REPORT = Path("models/finetuned"), Path("reports/finetune")


def main(run: Run) -> None:
    knobs: Finetune = run.params("finetune", Finetune)
    views: Augment = run.params("augment", Augment)
    learning_rate, seed = run.params("lr", LearningRate), run.params("seed", Seed)
    make_deterministic()

    dataset = read_dataset(LABELS, SPLIT)
    pixels = PictureRows(PRESIZED / "pixels.npy")
    train, valid = (Pictures.of(pixels, dataset, name) for name in ("train", "valid"))
    head, description = load_head(HEAD)
    view = description.view
    network = graft_head(pretrained(BACKBONE, view, description.layers, description.pools)[0], head)
    freeze(network, knobs.freeze)
    before = score(network, valid, view, knobs.precision)
    unchanged = copy.deepcopy(network)

    training = Training(network, train, valid, view, knobs, views, learning_rate, seed)
    checkpoint = run.unfinished(PRESIZED, BACKBONE, HEAD, LABELS, SPLIT) / "checkpoint.safetensors"
    history = training.restore(checkpoint)
    for epoch in training.epochs():
        history.append(epoch)
        training.save(checkpoint, history)
        run.log(f"epoch {epoch.epoch}: valid accuracy {epoch.valid_accuracy:.4f}")

    metrics = better(before, score(training.averaged(), valid, view, knobs.precision))
    with atomic.new_folder(REPORT) as report:
        with Live(str(report / "curves"), dvcyaml=None, save_dvc_exp=False) as live:
            for epoch in history:
                live.step = epoch.epoch
                for name, value in epoch.metrics().items():
                    live.log_metric(name, value)
        atomic.write_json(report / "metrics.json", metrics)
        save_augmented(report / "augmented.png", train, views, knobs.size_at(knobs.epochs), seed)
    with atomic.new_folder(FINETUNED) as folder:
        save(folder, training.averaged() if metrics["kept"] == "finetuned" else unchanged, description)
    run.log(f"kept {metrics['kept']}")


if __name__ == "__main__":
    start("finetune", main)
