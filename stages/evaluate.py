"""evaluate: measure the network on the test split.

Reads   data/presized, data/embeddings, data/images.csv (copies), data/labels.csv, data/split.csv, models/backbone,
        models/head, models/finetuned, reports/train-head (its penalty)
Params  evaluate
Writes  reports/evaluate/ (metrics.json, record.json, predictions.csv, decision.json, lineage.json, tables; the same
        tables of valid in a folder within, where evaluate.interpret names it)
"""

import json
from pathlib import Path

from graft.core.files import new_folder
from graft.data.arrays import Embeddings
from graft.data.dataset import LabelledImages, read_dataset, read_duplicate_groups
from graft.data.presized import read_presized
from graft.evaluate.agreement import require_agreement
from graft.evaluate.config import Evaluate
from graft.evaluate.cross_validated import cross_validated
from graft.evaluate.decision import Logits, logits_of
from graft.evaluate.evaluation import evaluations_of, write_evaluations, write_lineage
from graft.evaluate.networks import StoredHead, answers_of_kept, answers_of_other
from graft.network.device import prepare
from graft.network.distributed import devices, processes
from graft.network.head import handed_on, load_head
from graft.network.inference import FlipTTA
from graft.network.network import Network, grafted, load
from graft.network.precision import settle
from graft.tasks import task_of
from stages.runtime import Run, start

PRESIZED, EMBEDDINGS = Path("data/presized"), Path("data/embeddings")
IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
BACKBONE, HEAD, FINETUNED = Path("models/backbone"), Path("models/head"), Path("models/finetuned")
FITTED, EVALUATED = Path("reports/train-head/metrics.json"), Path("reports/evaluate")
INPUTS = [IMAGES, LABELS, SPLIT, BACKBONE, HEAD, FINETUNED]


def main(run: Run) -> None:
    config: Evaluate = run.params("evaluate", Evaluate)
    prepare()

    dataset, pixels = read_dataset(LABELS, SPLIT), read_presized(PRESIZED)
    network, description = load(FINETUNED)
    task, size = task_of(description), description.size
    images = {split: LabelledImages.of(pixels, dataset, split) for split in ("valid", "test")}
    settled = settle(network, pixels, images["valid"].rows, size, config.precision)
    run.log(f"on {devices()} in {settled}")
    (head, fitted), embeddings = load_head(handed_on(HEAD)), Embeddings(EMBEDDINGS / "features.npy")
    whole = grafted(BACKBONE, fitted, head)
    run.log(require_agreement(whole, fitted, embeddings, images["valid"], task, settled.precision))

    def answer(network: Network, some: LabelledImages) -> Logits:
        return logits_of(FlipTTA(network, config.tta).eval(), some, size, settled.precision)

    stored = StoredHead(HEAD, embeddings, dataset, task)
    answers = answers_of_kept(FINETUNED, network, description, stored, images, answer)
    other = answers_of_other(FINETUNED, description, stored, images, answer)
    run.shared_out()
    evaluations = evaluations_of(dataset, task, description, answers, other, config)
    l2 = json.loads(FITTED.read_text())["valid"].get("l2")
    every = cross_validated(dataset, read_duplicate_groups(IMAGES, dataset), embeddings, task, l2) if l2 else None
    with new_folder(EVALUATED) as folder:
        write_lineage(folder, INPUTS, {"finetune": description.processes, "evaluate": devices()})
        record = write_evaluations(folder, evaluations, every)
    run.log(f"test {record.headline(task.primary_metric)}")


if __name__ == "__main__":
    start("evaluate", main, processes)
