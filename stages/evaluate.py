"""evaluate: measure the network on the test split.

Reads   data/presized, data/embeddings, data/labels.csv, data/split.csv (valid and test), models/finetuned,
        models/head; data/images.csv and models/backbone for the lineage
Params  evaluate
Writes  reports/evaluate/ (metrics.json, record.json, predictions.csv, decision.json, lineage.json, tables; the same
        tables of valid in a folder within, where evaluate.interpret names it)
"""

from pathlib import Path

from graft.core.files import new_folder
from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import LabelledImages, read_dataset
from graft.evaluate.agreement import require_agreement
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import Logits, decide, logits_of
from graft.evaluate.evaluation import Evaluation, write_evaluations, write_lineage
from graft.evaluate.networks import answers_of_other, calibrated
from graft.network.device import prepare
from graft.network.head import load_head
from graft.network.inference import FlipTTA
from graft.network.network import Network, grafted, load
from graft.network.precision import settle
from graft.tasks import task_of
from stages.runtime import Run, start

PRESIZED, EMBEDDINGS = Path("data/presized"), Path("data/embeddings")
IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
BACKBONE, HEAD, FINETUNED = Path("models/backbone"), Path("models/head"), Path("models/finetuned")
EVALUATED = Path("reports/evaluate")
INPUTS = [IMAGES, LABELS, SPLIT]


def main(run: Run) -> None:
    config: Evaluate = run.params("evaluate", Evaluate)
    prepare()

    dataset, pixels = read_dataset(LABELS, SPLIT), ImageRows(PRESIZED / "pixels.npy")
    network, description = load(FINETUNED)
    task, size = task_of(description), description.size
    images = {split: LabelledImages.of(pixels, dataset, split) for split in ("valid", "test")}
    settled = settle(network, pixels, images["valid"].rows, size, config.precision)
    precision = settled.precision
    run.log(f"in {settled}")
    head, fitted = load_head(HEAD)
    embeddings = Embeddings(EMBEDDINGS / "features.npy")
    whole = grafted(BACKBONE, fitted, head)
    run.log(require_agreement(whole, fitted, embeddings, images["valid"], task, precision))

    def answer(network: Network, some: LabelledImages) -> Logits:
        return logits_of(FlipTTA(network, config.tta).eval(), some, size, precision)

    logits = {split: answer(network, some) for split, some in images.items()}
    other = calibrated(task, answers_of_other(FINETUNED, description, head, embeddings, images, answer), config)
    decision, kept = decide(task, logits["valid"], config), "finetuned" if description.finetuned else "head"
    rows = {split: dataset.rows[dataset.rows["split"] == split].reset_index(drop=True) for split in config.interpret}
    evaluations: dict[str, Evaluation] = {
        split: Evaluation(some, task, logits[split].values, other.get(split), decision, kept, config.most_confused)
        for split, some in rows.items()
    }
    with new_folder(EVALUATED) as folder:
        weights = (file for place in (BACKBONE, HEAD, FINETUNED) for file in sorted(place.rglob("model.safetensors")))
        write_lineage(folder, [*INPUTS, *weights])
        record = write_evaluations(folder, evaluations)
    run.log(f"test {record.headline(task.primary_metric)}")


if __name__ == "__main__":
    start("evaluate", main)
