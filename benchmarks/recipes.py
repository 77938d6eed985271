"""Which fine-tuning wins, and what may be had of it for nothing: ``python -m benchmarks.recipes [DATASET ...]``.

In a clone of HEAD, trains the network by every recipe from several splits, with the seed of the training that of the
split, and measures on valid and test the head before, the network after, the mean of their logits, and networks
whose weights lie between the two. Valid chooses; test is told beside it. Writes ``benchmarks/recipes.json`` and
``benchmarks/recipes.md`` after each training. One on the solar cells takes six minutes on two cores.

Source: Wortsman et al. 2022, https://arxiv.org/abs/2109.01903 (weights between those before and after).
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import accuracy
from benchmarks.machine import footer, machine, save
from graft.apps.use.presets import write_values
from graft.core import params
from graft.data.dataset import LabelledImages, read_dataset
from graft.data.presized import read_presized
from graft.finetune.config import Finetune
from graft.finetune.step import load_trainable
from graft.network.device import prepare
from graft.network.inference import all_outputs
from graft.network.network import Network, load
from graft.tasks import task_of

OUT = Path(__file__).with_suffix(".json")
DATASETS = ("solar-cells-random", "solar-cells", "dogs-vs-cats", "food-10")
RECIPES: dict[str, dict[str, Any]] = {
    "as given": {},
    "lr half": {"lr": 5e-4},
    "lr twice": {"lr": 2e-3},
    "lr_ratio 10": {"finetune": {"lr_ratio": 10.0}},
    "epochs twice": {"finetune": {"epochs": 10}},
    "no augmentation": {"augment": {"strength": "none"}},
    "mixup 0.2": {"augment": {"mixup": 0.2}},
    "drop_path 0.1": {"finetune": {"drop_path": 0.1}},
    "nothing frozen": {"finetune": {"freeze": []}},
}
"""What each changes in params.yaml."""
SHARES = (0.5, 0.75)
"""Of the weights after training, in networks between."""
MEAN = "mean of logits"

Figures = dict[str, dict[str, dict[str, float]]]
"""Accuracy and log loss in nats, by split and network."""


def between(before: Network, after: Network, share: float) -> Network:
    """Load into `after` a share of its own weights and the rest of those before."""
    first = before.state_dict()
    mixed = {name: torch.lerp(first[name], last, share) for name, last in after.state_dict().items() if name in first}
    after.load_state_dict(after.state_dict() | mixed)
    return after


def measure(folder: Path) -> Figures:
    """Figures of the networks of a clone whose `finetune` has run and kept what it trained."""
    config: Finetune = params.check("finetune", Finetune, params.load(folder / "params.yaml")["finetune"])
    before, description = load_trainable(folder / "models/backbone", folder / "models/head", config)
    dataset = read_dataset(folder / "data/labels.csv", folder / "data/split.csv")
    pixels, task = read_presized(folder / "data/presized"), task_of(description)
    images = {split: LabelledImages.of(pixels, dataset, split, pixels.aspects) for split in ("valid", "test")}
    figures: Figures = {split: {} for split in images}

    def answer(network: Network, split: str) -> NDArray[np.float64]:
        rows = images[split].rows
        return all_outputs(network.eval(), pixels, rows, description.size, "fp32", split).astype(np.float64)

    def note(name: str, split: str, logits: NDArray[np.float64]) -> None:
        targets = images[split].targets
        loss = -float(task.log_likelihood(logits, targets).mean())
        figures[split][name] = task.metrics(logits.astype(np.float32), targets) | {"log_loss": loss}

    after = load(folder / "models/finetuned")[0]
    for split in images:
        both = {"head": answer(before, split), "fine-tuned": answer(after, split)}
        both[MEAN] = np.mean(list(both.values()), axis=0)
        for name, logits in both.items():
            note(name, split, logits)
    for share in SHARES:
        mixed = between(before, load(folder / "models/finetuned")[0], share)
        for split in images:
            note(f"weights {share:g}", split, answer(mixed, split))
    return figures


def run(dataset: str, recipes: list[str], seeds: int) -> Iterator[dict[str, list[Figures]]]:
    """Figures of every recipe, of all splits so far, after each training."""
    found: dict[str, list[Figures]] = {name: [] for name in recipes}
    with accuracy.begun(accuracy.RECIPES[dataset]) as clone:
        file = clone.folder / "params.yaml"
        given = file.read_text()
        for seed in range(seeds):
            for name in recipes:
                file.write_text(given)
                accuracy.draw_split(file, seed)
                write_values({"seed": seed, "finetune": {"keep": "finetuned"}}, file)
                write_values(RECIPES[name], file)
                accuracy.reproduce(clone, "finetune")
                found[name].append(measure(clone.folder))
                told = {kind: f"{figures['accuracy']:.4f}" for kind, figures in found[name][-1]["test"].items()}
                print(dataset, seed, name, told, flush=True)
                yield {name: runs for name, runs in found.items() if runs}


def table(results: dict[str, Any]) -> str:
    """Markdown table: accuracy over splits, and the difference to the head with the same split."""
    networks = ["head", "fine-tuned", MEAN, *(f"weights {share:g}" for share in SHARES)]
    lines = ["| dataset | recipe | splits | network | valid | test | over the head, test | log loss, test |"]
    lines.append("|" + "---|" * 8)
    for dataset in (name for name in DATASETS if name in results["datasets"]):
        for recipe, runs in results["datasets"][dataset].items():
            for network in networks if recipe == "as given" else networks[1:2]:
                shares = {s: [run[s][network]["accuracy"] for run in runs] for s in ("valid", "test")}
                gains = [run["test"][network]["accuracy"] - run["test"]["head"]["accuracy"] for run in runs]
                loss = fmean(run["test"][network]["log_loss"] for run in runs)
                cells = [f"`{dataset}`", recipe, len(runs), network, *(spread(shares[s]) for s in shares)]
                cells += ["" if network == "head" else spread(gains, "+"), f"{loss:.3f}"]
                lines.append("| " + " | ".join(map(str, cells)) + " |")
    said = "Mean and standard deviation over splits; weights: the share of those after training, the rest before."
    return "\n".join([*lines, "", f"{said} {footer(results['machine'])}"]) + "\n"


def spread(values: list[float], sign: str = "") -> str:
    """Mean and standard deviation in percent, of one value itself alone."""
    deviation = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):{sign}.1f}{deviation}"


def main() -> None:
    """Run what is asked for; figures of others stay as they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help=f"of {', '.join(DATASETS)}; all without")
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES), metavar="RECIPE")
    parser.add_argument("--splits", type=int, default=5)
    asked = parser.parse_args()
    if unknown := [name for name in asked.datasets if name not in DATASETS]:
        parser.error(f"{', '.join(unknown)}: expected {', '.join(DATASETS)}")
    prepare()
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.is_file() else {"datasets": {}}
    for dataset in asked.datasets or DATASETS:
        others = results["datasets"].get(dataset, {})
        for found in run(dataset, asked.recipes, asked.splits):
            results["datasets"][dataset] = others | found
            results["machine"] = machine()
            save(OUT, results, table(results))


if __name__ == "__main__":
    main()
