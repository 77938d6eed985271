"""evaluate: measure the network on the test split and show what it gets wrong.

Reads   data/presized, data/embeddings, data/labels.csv, data/split.csv (valid, test), models/head,
        models/finetuned, reports/split, reports/finetune/metrics.json
Params  evaluate, source
Writes  reports/evaluate/ (metrics.json, predictions.csv, decision.json, tables, plots), reports/report.html
"""

import json
from pathlib import Path

from graft import atomic
from graft.evaluate.decide import Logits, decide
from graft.evaluate.evaluation import Evaluation
from graft.evaluate.lineage import digests, versions
from graft.evaluate.report import save_report
from graft.evaluate.settings import Evaluate
from graft.images.pictures import Pictures
from graft.images.rows import PictureRows
from graft.model.averaged import Averaged
from graft.model.device import prepare
from graft.model.embeddings import Embeddings
from graft.model.head import head_logits, load_head
from graft.model.infer import all_outputs
from graft.model.network import load
from graft.model.task import task_of
from graft.source.settings import Source
from graft.split.table import read_dataset
from stages.runtime import Run, start

PRESIZED, EMBEDDINGS = Path("data/presized"), Path("data/embeddings")
LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")
BACKBONE, HEAD, FINETUNED = (Path("models") / name for name in ("backbone", "head", "finetuned"))
COUNTS, AUDIT = Path("reports/split/metrics.json"), Path("reports/split/audit.json")
CHOICE = Path("reports/finetune/metrics.json")
INPUTS = [
    Path("data/images.csv"),
    LABELS,
    SPLIT,
    *(folder / "model.safetensors" for folder in (BACKBONE, HEAD, FINETUNED)),
]
EVALUATE, REPORT = Path("reports/evaluate"), Path("reports/report.html")


def main(run: Run) -> None:
    knobs: Evaluate = run.params("evaluate", Evaluate)
    source: Source = run.params("source", Source)
    prepare()

    dataset = read_dataset(LABELS, SPLIT)
    pixels, features = PictureRows(PRESIZED / "pixels.npy"), Embeddings(EMBEDDINGS / "features.npy")
    network, description = load(FINETUNED)
    task, averaged = task_of(description), Averaged(network, knobs.flips).eval()

    def logits(split: str) -> Logits:
        pictures = Pictures.of(pixels, dataset, split)
        said = all_outputs(averaged, pixels, pictures.rows, description.view, knobs.precision, f"evaluate {split}")
        return Logits(said, pictures.targets)

    decision = decide(task, logits("valid"), knobs)
    probe = head_logits(load_head(HEAD)[0], features, features.find(dataset.paths("test")))
    rows = dataset.rows[dataset.rows["split"] == "test"].reset_index(drop=True)
    evaluation = Evaluation(rows, task, logits("test").values, task.probabilities(probe), decision)

    with atomic.new_folder(EVALUATE) as folder:
        facts = evaluation.write(folder, pixels, knobs)
        splits, audit, choice = (json.loads(file.read_text()) for file in (COUNTS, AUDIT, CHOICE))
        lineage = {"files": digests(INPUTS), "versions": versions()}
        atomic.write_json(folder / "lineage.json", lineage)
        facts |= {"source": source, "splits": splits, "audit": audit, "choice": choice, "lineage": lineage}
        save_report(REPORT, folder, facts)
    share, low, high = (facts["test"][task.hits + end] for end in ("", "_low", "_high"))
    run.log(f"test {task.hits.replace('_', ' ')} {share:.4f} ({low:.4f} to {high:.4f})")


if __name__ == "__main__":
    start("evaluate", main)
