"""finetune: train the whole network from the head on, and hand on the better of the two.

Reads   data/presized, models/backbone, models/head, models/previous, data/labels.csv, data/split.csv (train, valid)
Params  lr, seed, augment, finetune
Writes  models/finetuned/ (weights, description), reports/finetune/ (curves, metrics)
"""

from functools import partial
from pathlib import Path

from graft.augment.config import Augment
from graft.core.files import new_folder, write_json
from graft.core.seeds import Seed
from graft.data.dataset import LabelledImages, read_dataset
from graft.data.presized import read_presized
from graft.finetune.config import Finetune
from graft.finetune.loop import Training
from graft.finetune.previous import begin
from graft.finetune.refit import SEEN, load_refit, unscored
from graft.finetune.step import load_trainable, with_final_head
from graft.finetune.validate import choose, hand_on, told, validate
from graft.network.device import prepare
from graft.network.distributed import devices, processes
from graft.network.precision import settle
from graft.optim.config import LearningRate
from graft.tasks import task_of
from stages.curves import epoch_lines, tracker, write_curves
from stages.runtime import Run, start

PRESIZED, BACKBONE, HEAD = Path("data/presized"), Path("models/backbone"), Path("models/head")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")
FINETUNED, REPORT = Path("models/finetuned"), Path("reports/finetune")


def main(run: Run) -> None:
    config: Finetune = run.params("finetune", Finetune)
    augment, lr, seed = run.params("augment", Augment), run.params("lr", LearningRate), run.params("seed", Seed)
    prepare()
    dataset, pixels = read_dataset(LABELS, SPLIT), read_presized(PRESIZED)
    train, valid, seen = (LabelledImages.of(pixels, dataset, part, pixels.aspects) for part in ("train", "valid", SEEN))
    network, description = load_trainable(BACKBONE, HEAD, config)
    task, size, batch = task_of(description), description.size, config.largest_batch(len(train))
    settled = settle(network, pixels, train.rows, size, config.precision, batch)
    config = config.model_copy(update={"precision": settled.precision})
    run.log(f"on {devices()} in {settled}")
    on_valid = partial(validate, task=task, images=valid, size=size, precision=config.precision, batch=batch)
    before, unchanged = on_valid(network), with_final_head(network, description, HEAD)
    begin(network, description, config, dataset)
    unfinished = run.unfinished(PRESIZED, BACKBONE, HEAD, LABELS, SPLIT)
    options = {"config": config, "augmentation": augment, "learning_rate": lr, "seed": seed}
    training, again = Training(network, task, train, on_valid, **options), None
    history = training.finish(unfinished / "checkpoint.safetensors", run.log, epoch_lines, tracker("finetune"))
    finetuned = training.result(description) if history or config.init == "previous" else None
    scored = history[-1].score if history and not config.ensemble else on_valid(finetuned[0]) if finetuned else None
    metrics = choose(before, scored, config.keep)
    if config.refit and history and metrics["kept"] == "finetuned":
        run.log("once more, on train and valid")
        again = Training(load_refit(BACKBONE, HEAD, config, dataset), task, seen, unscored, **options)
        again.finish(unfinished / "refit.safetensors", run.log, epoch_lines)
    run.shared_out()
    with new_folder(REPORT) as report:
        write_curves(report, (epoch.curves() for epoch in history), [epoch.row() for epoch in history])
        write_json(report / "metrics.json", metrics)
    with new_folder(FINETUNED) as folder:
        hand_on(folder, unchanged, finetuned, metrics["kept"], again.result(description) if again else None)
    run.log(f"valid: {', '.join(told(metrics))}; kept: {metrics['kept']} (keep: {config.keep})")


if __name__ == "__main__":
    start("finetune", main, processes)
