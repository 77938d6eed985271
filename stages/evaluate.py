"""evaluate: measure the network on the test split, show what it gets wrong, and where it looks.

Reads   data (presized, embeddings, images.csv, labels.csv, split.csv: valid and test), models,
        reports/split, reports/train-head, reports/finetune
Params  all that the report shows
Writes  reports/evaluate/ (metrics.json, predictions.csv, decision.json, tables, plots), reports/report.html
"""

import json
from functools import partial
from pathlib import Path

from graft.core.files import new_folder, write_json
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import decide, logits_of
from graft.evaluate.evaluation import Evaluation
from graft.evaluate.lineage import digests, versions
from graft.network.device import prepare
from graft.network.head import head_logits, load_head
from graft.network.inference import Averaged
from graft.network.network import load
from graft.report.interpretation import Interpretation
from graft.report.material import Material
from graft.report.page import save_report
from graft.report.plots import save_training
from graft.tasks import task_of
from stages.runtime import Run, start

PRESIZED, EMBEDDINGS = Path("data/presized"), Path("data/embeddings")
IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
BACKBONE, HEAD, FINETUNED = Path("models/backbone"), Path("models/head"), Path("models/finetuned")
DIVIDED, FITTED, TUNED = Path("reports/split"), Path("reports/train-head"), Path("reports/finetune")
EVALUATE, REPORT = Path("reports/evaluate"), Path("reports/report.html")
INPUTS = [IMAGES, LABELS, SPLIT, *(folder / "model.safetensors" for folder in (BACKBONE, HEAD, FINETUNED))]


def main(run: Run) -> None:
    config: Evaluate = run.params("evaluate", Evaluate)
    shown = run.values("lr", "seed", "source", "labels", "index", "split", "presize", "backbone")
    shown |= run.values("embed", "train_head", "augment", "finetune", "evaluate")
    prepare()

    known = Material.read(PRESIZED, EMBEDDINGS, IMAGES, LABELS, SPLIT)
    network, description = load(FINETUNED)
    task, averaged = task_of(description), Averaged(network, config.flips).eval()
    answer = partial(logits_of, averaged, view=description.view, precision=config.precision)
    valid, test = (answer(known.images(split), known.dataset.paths(split)) for split in ("valid", "test"))
    stored = known.embeddings.find(known.dataset.paths("test"))
    probe = head_logits(load_head(HEAD)[0], known.embeddings, stored)
    evaluation = Evaluation(known.rows("test"), task, test.values, probe, decide(task, valid, config))
    l2 = json.loads((FITTED / "metrics.json").read_text())["valid"].get("l2")
    interpretation = Interpretation(evaluation, network, known, l2)

    with new_folder(EVALUATE) as folder:
        lineage = {"files": digests(INPUTS), "versions": versions()}
        write_json(folder / "lineage.json", lineage)
        save_training(folder / "training.png", FITTED / "curves", TUNED / "curves")
        facts = evaluation.write(folder, known.pixels, config) | interpretation.write(folder, config)
        told = {"splits": DIVIDED / "metrics.json", "audit": DIVIDED / "audit.json", "choice": TUNED / "metrics.json"}
        facts |= {name: json.loads(file.read_text()) for name, file in told.items()}
        save_report(REPORT, folder, facts | {"lineage": lineage, "parameters": shown})
    share, low, high = (facts["test"][task.primary_metric + end] for end in ("", "_low", "_high"))
    within = "one group, so no interval" if low is None else f"{low:.4f} to {high:.4f}"
    run.log(f"test {task.primary_metric.replace('_', ' ')} {share:.4f} ({within})")


if __name__ == "__main__":
    start("evaluate", main)
