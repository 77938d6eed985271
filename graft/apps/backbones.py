"""``graft backbones``: which pretrained network suits these images best, before one is taken into use.

Each network embeds the images of train and valid once, and linear heads on these features are cross-validated: the
test split stays unseen, so that it can still tell how good the network is that was chosen by this table.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.apps.use.presets import BACKBONES, read_preset
from graft.backbone.build import find
from graft.backbone.config import Backbone, Backbones, joint_name, listed
from graft.backbone.weights import fetch_all, published
from graft.core import params, tables
from graft.core.addresses import is_remote, shown
from graft.core.errors import DataError, ParamsError
from graft.core.files import new_folder
from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import Dataset, read_dataset, read_duplicate_groups
from graft.data.presized import read_presized
from graft.heads.config import TrainHead
from graft.heads.cross_validate import FOLDS, SEEN, cross_validate, never_learnt
from graft.network.config import Embed
from graft.network.device import prepare
from graft.network.inference import all_outputs
from graft.network.network import pretrained
from graft.network.precision import settle
from graft.stats.intervals import accuracy_interval, units
from graft.stats.paired import share_difference
from graft.tasks import Task, make_task

IMAGES, LABELS, SPLIT = Path("data/images.csv"), Path("data/labels.csv"), Path("data/split.csv")
PRESIZED, REPORT = Path("data/presized"), Path("reports/backbones")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network to try: the preset's name, its networks with their weights, and what the head would see of them."""

    name: str
    backbones: list[Backbone]
    embed: Embed

    @classmethod
    def of(cls, word: str, values: dict[str, Any]) -> "Candidate":
        """Read ``NAME``, or ``NAME=FILE`` for weights that lie in a file, beside the other values of params.yaml.

        Raises:
            ParamsError: there is no such preset, or its weights are not on this machine.
        """
        name, _, file = word.partition("=")
        preset, _ = read_preset(name, BACKBONES)
        if file and not isinstance(preset["backbone"], list):
            preset["backbone"] |= {"weights": file, "sha256": None}
        elif file:
            raise ParamsError(f"{word}: {name} is of several networks, which one file cannot hold; name {name} alone")
        backbones = listed(params.check("backbone", Backbones, preset["backbone"]))
        for one in backbones:
            entry = published(one.weights, find(one.name).name)
            if entry is not None or is_remote(one.weights):
                raise ParamsError(
                    f"{name}: its weights are fetched from {shown(entry.address if entry else one.weights)}, and only "
                    f"what lies here is tried: fetch that file and say {name}=FILE"
                )
        return cls(name, backbones, params.check("embed", Embed, values["embed"] | preset["embed"]))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a network is worth on these images.

    Attributes:
        correct: whether each image is classified correctly by the heads that never saw it, `[N]`.
        log_loss: of the same answers, in nats a term.
        speed: images a second of embedding, on this machine.
        megabytes: of its weights.
    """

    candidate: Candidate
    correct: NDArray[np.bool_]
    log_loss: float
    l2: float
    features: int
    speed: float
    megabytes: float


def backbones(values: dict[str, Any], words: Sequence[str]) -> Iterator[str]:
    """Measure networks on the presized images, write backbones.csv, and yield lines for a person, a table last.

    Args:
        values: params.yaml.
        words: ``NAME`` or ``NAME=FILE`` of each.

    Raises:
        DataError: the pipeline has not come as far as presize and split.
        ParamsError: a preset or its weights are not there.
        SourceError, WeightsError: as `download` raises them.
    """
    for file in (IMAGES, LABELS, SPLIT, PRESIZED / "rows.csv"):
        if not file.is_file():
            raise DataError(f"{file} is absent; run `dvc repro presize split`")
    candidates = [Candidate.of(word, values) for word in words]
    config: TrainHead = params.check("train_head", TrainHead, values["train_head"])
    penalties = [l2 for l2 in config.l2 if l2 > 0] or TrainHead().l2
    dataset, pixels = read_dataset(LABELS, SPLIT), read_presized(PRESIZED)
    duplicates = read_duplicate_groups(IMAGES, dataset)
    groups = dataset.rows.loc[dataset.rows["split"].isin(SEEN), "group"].reset_index(drop=True)
    prepare()
    drawn = "by group" if (groups != "").any() else "image by image"
    yield f"linear heads, cross-validated in train and valid: {len(groups)} images, {FOLDS} folds drawn {drawn}"
    with TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(len(candidates))]
        for candidate, place in zip(candidates, places, strict=True):
            place.mkdir()
            fetch_all(candidate.backbones, place)  # of all of them first: what is wrong is said at once
        found = []
        for candidate, place in zip(candidates, places, strict=True):
            found.append(measure(candidate, place, pixels, dataset, duplicates, penalties))
            yield f"{candidate.name}: {found[-1].features} features, l2 {found[-1].l2:g}"
    task = make_task(dataset.classes, dataset.multi_label)
    table = compare(found, groups, task)
    with new_folder(REPORT) as report:
        tables.write(report / "backbones.csv", table)
    yield from show(table, task)
    yield "graft use --backbone NAME takes one of them into use"


def measure(
    candidate: Candidate,
    place: Path,
    pixels: ImageRows,
    dataset: Dataset,
    duplicates: pd.Series,
    penalties: Sequence[float],
) -> Measured:
    """Embed the images of train and valid, and cross-validate heads on their features.

    Args:
        place: folder that holds what `fetch_all` wrote; features are written there, too.
        duplicates: duplicate group of every row of `dataset`.

    Raises:
        DataError: no image can be left out.
    """
    network, description = pretrained(place, candidate.embed)
    paths = dataset.paths(*SEEN)
    rows = pixels.find(paths)
    precision = settle(network, pixels, rows, description.size, candidate.embed.precision).precision
    began = time.perf_counter()
    features = all_outputs(network, pixels, rows, description.size, precision, candidate.name)
    speed = len(rows) / (time.perf_counter() - began)
    np.save(place / "features.npy", features[:, None])
    tables.write(place / "rows.csv", pd.DataFrame({"path": paths}))
    embeddings, task = Embeddings(place / "features.npy"), make_task(dataset.classes, dataset.multi_label)
    heads = TrainHead(l2=list(penalties))
    found = cross_validate(embeddings, dataset, duplicates, heads, learning_rate=1.0, seed=0)
    if found is None:
        raise DataError(f"{SPLIT}: all images of train and valid are of one group, so heads cannot be tried on others")
    targets = dataset.targets(*SEEN)
    probabilities = task.probabilities(never_learnt(found.logits).astype(np.float32))
    correct = (task.decide(probabilities) == targets).reshape(len(targets), -1).all(1)
    size = sum(file.stat().st_size for file in place.rglob("model.safetensors")) / 1e6
    return Measured(candidate, correct, found.losses[found.l2], found.l2, features.shape[1], speed, size)


def compare(found: Sequence[Measured], groups: pd.Series, task: Task) -> pd.DataFrame:
    """A row a network, in the order given; differences of accuracy are paired, image by image, to the first.

    Args:
        groups: group of every image, "" where there is none.
    """
    rows = []
    for one in found:
        interval, _ = accuracy_interval(one.correct, groups)
        change = share_difference(found[0].correct, one.correct, units(groups))
        rows.append(
            {
                "name": one.candidate.name,
                "backbone": joint_name([backbone.name for backbone in one.candidate.backbones]),
                task.primary_metric: float(one.correct.mean()),
                "low": interval.low if interval else None,
                "high": interval.high if interval else None,
                "difference": change.value,
                "difference_low": change.low,
                "difference_high": change.high,
                "log_loss": one.log_loss,
                "l2": one.l2,
                "features": one.features,
                "images_per_second": round(one.speed, 1),
                "megabytes": round(one.megabytes, 1),
                "licence": "; ".join(dict.fromkeys(backbone.licence for backbone in one.candidate.backbones)),
            }
        )
    return pd.DataFrame(rows).round(6)


def show(table: pd.DataFrame, task: Task) -> Iterator[str]:
    """Yield the table for a person."""
    wide = max(len("backbone"), *table["name"].map(len)) + 2
    against = f"less {table['name'][0]}"
    yield (
        f"{'backbone':{wide}}{task.primary_metric.replace('_', ' '):>12}{'95 % interval':>18}{against:>26}"
        f"{'log loss':>10}{'images/s':>10}{'MB':>7}  licence"
    )
    for row in table.to_dict("records"):
        known = not pd.isna(row["low"])
        interval = f"{row['low']:.1%} to {row['high']:.1%}" if known else "none: one group"
        change = f"{100 * row['difference']:+.1f} ({100 * row['difference_low']:+.1f} to "
        change = f"{change}{100 * row['difference_high']:+.1f})" if row["name"] != table["name"][0] else ""
        yield (
            f"{row['name']:{wide}}{row[task.primary_metric]:>12.1%}{interval:>18}{change:>26}"
            f"{row['log_loss']:>10.3f}{row['images_per_second']:>10.1f}{row['megabytes']:>7.0f}  {row['licence']}"
        )
