"""report: show what was measured, where the network looks, and what may be wrong in the data.

Reads   reports/evaluate, reports/finetune, reports/train-head, reports/split, models/finetuned, data (presized,
        embeddings, images.csv, labels.csv, split.csv)
Params  augment, report, seed; all others to show them
Writes  reports/report.html, reports/report/ (its images, review.csv, map.csv)
"""

import json
from pathlib import Path

from graft.augment.config import Augment
from graft.core.files import new_folder
from graft.core.seeds import Seed
from graft.data.arrays import Embeddings
from graft.data.dataset import LabelledImages, read_dataset, read_duplicate_groups
from graft.data.presized import read_presized
from graft.evaluate.evaluation import metrics_of, read_predictions
from graft.network.device import prepare
from graft.network.network import load
from graft.report import plots
from graft.report.config import Report
from graft.report.embedding_map import save_map
from graft.report.gallery import save_augmented, save_interpretation
from graft.report.heat_maps import save_heat_maps
from graft.report.page import Content, save_report
from graft.report.review import review, save_review
from graft.tasks import task_of
from stages.runtime import Run, start

PRESIZED, EMBEDDINGS = Path("data/presized"), Path("data/embeddings")
IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
FINETUNED = Path("models/finetuned")
EVALUATED, TUNED = Path("reports/evaluate"), Path("reports/finetune")
FITTED, DIVIDED = Path("reports/train-head"), Path("reports/split")
REPORT, PAGE = Path("reports/report"), Path("reports/report.html")


def main(run: Run) -> None:
    config: Report = run.params("report", Report)
    augment, seed = run.params("augment", Augment), run.params("seed", Seed)
    parameters = run.values("lr", "seed", "source", "labels", "index", "split", "presize", "backbone")
    parameters |= run.values("embed", "train_head", "augment", "finetune", "evaluate", "report")
    prepare()

    dataset, pixels = read_dataset(LABELS, SPLIT), read_presized(PRESIZED)
    embeddings, duplicates = Embeddings(EMBEDDINGS / "features.npy"), read_duplicate_groups(IMAGES, dataset)
    network, description = load(FINETUNED)
    task, predictions = task_of(description), read_predictions(EVALUATED)
    l2 = json.loads((FITTED / "metrics.json").read_text())["valid"].get("l2")
    suspects = review(dataset, duplicates, embeddings, task, l2, config.review) if config.review else None
    content = Content.read(task, EVALUATED, DIVIDED, TUNED, suspects, parameters)
    train = LabelledImages.of(pixels, dataset, "train", pixels.aspects)

    with new_folder(REPORT) as folder:
        save_interpretation(folder, EVALUATED, pixels, task, config.gallery)
        save_heat_maps(folder / "cam.png", predictions, pixels, network, task, config.gallery // 2 or 1)
        save_map(folder, predictions, embeddings, task)
        save_review(folder, suspects, pixels, task, config.gallery)
        save_augmented(folder / "augmented.png", train, augment, description.size, seed)
        plots.save_reliability(folder / "reliability.png", EVALUATED / "reliability.csv", metrics_of(task).holds)
        plots.save_coverage(folder / "coverage.png", EVALUATED / "coverage.csv", content.test.record.answered)
        plots.save_training(folder / "training.png", FITTED / "curves", TUNED / "curves")
        save_report(PAGE, folder, content)


if __name__ == "__main__":
    start("report", main)
