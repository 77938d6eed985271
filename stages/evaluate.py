"""evaluate: measure the network on the test split.

Reads   data/presized, data/embeddings, data/labels.csv, data/split.csv (valid and test), models/finetuned,
        models/head; data/images.csv and models/backbone for the lineage
Params  evaluate
Writes  reports/evaluate/ (metrics.json, record.json, predictions.csv, decision.json, lineage.json, tables)
"""

from functools import partial
from pathlib import Path

from graft.core.files import new_folder
from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import LabelledImages, read_dataset
from graft.evaluate.agreement import require_agreement
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import decide, logits_of
from graft.evaluate.evaluation import Evaluation, write_lineage
from graft.network.device import prepare
from graft.network.head import head_logits, load_head
from graft.network.inference import FlipTTA
from graft.network.network import grafted, load
from graft.network.precision import settle
from graft.tasks import task_of
from stages.runtime import Run, start

PRESIZED, EMBEDDINGS = Path("data/presized"), Path("data/embeddings")
IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
BACKBONE, HEAD, FINETUNED = Path("models/backbone"), Path("models/head"), Path("models/finetuned")
EVALUATED = Path("reports/evaluate")
INPUTS = [IMAGES, LABELS, SPLIT, *(folder / "model.safetensors" for folder in (BACKBONE, HEAD, FINETUNED))]


def main(run: Run) -> None:
    config: Evaluate = run.params("evaluate", Evaluate)
    prepare()

    dataset, pixels = read_dataset(LABELS, SPLIT), ImageRows(PRESIZED / "pixels.npy")
    network, description = load(FINETUNED)
    task, averaged = task_of(description), FlipTTA(network, config.tta).eval()
    images = {split: LabelledImages.of(pixels, dataset, split) for split in ("valid", "test")}
    settled = settle(network, pixels, images["valid"].rows, description.size, config.precision)
    precision = settled.precision
    run.log(f"in {settled}")
    head, fitted = load_head(HEAD)
    embeddings = Embeddings(EMBEDDINGS / "features.npy")
    probe = head_logits(head, embeddings, embeddings.find(dataset.paths("test")))
    whole = grafted(BACKBONE, fitted, head)
    run.log(require_agreement(whole, fitted, embeddings, images["valid"], task, precision))
    answer = partial(logits_of, averaged, size=description.size, precision=precision)
    valid, test = (answer(images[split], dataset.paths(split)) for split in ("valid", "test"))
    rows = dataset.rows[dataset.rows["split"] == "test"].reset_index(drop=True)
    evaluation = Evaluation(rows, task, test.values, probe, decide(task, valid, config), config.most_confused)

    with new_folder(EVALUATED) as folder:
        write_lineage(folder, INPUTS)
        record = evaluation.write(folder)
    run.log(f"test {record.headline(task.primary_metric)}")


if __name__ == "__main__":
    start("evaluate", main)
