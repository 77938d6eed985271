"""Go on from the network of an earlier run, which lies apart from the pipeline: DVC deletes a stage's outputs first."""

from collections.abc import Iterator
from pathlib import Path

from graft.core import tables
from graft.core.errors import DataError, TrainingError
from graft.data.dataset import SPLITS, Dataset
from graft.data.raw import fingerprint
from graft.finetune.config import Finetune
from graft.network.head import Description, describe, load_into, read_state
from graft.network.network import Network

PREVIOUS = Path("models/previous")
"""What `graft keep` fills. DVC refuses a dependency that is not there, so none is declared: the digest in the params,
which dvc.lock records, stands for the folder."""

KNOWS_VALID = (
    "this network learnt from valid as well, by which nothing could be chosen any more; to go on from a network, have "
    "train_head.refit and finetune.refit false"
)
ARE_TWO = "this network is two, side by side; to go on from a network, have finetune.ensemble false"

KEYS = {
    "backbone": "backbone.name",
    "mean": "backbone.weights",
    "std": "backbone.weights",
    "members": "backbone",
    "layers": "embed.layers",
    "pools": "embed.pools",
    "standardise": "embed.standardise",
    "multi_label": "labels.label_separator",
    "head": "train_head.head",
    "hidden": "train_head.hidden",
    "folded": "finetune.batch_norm",
}
"""What must be as it was for the weights to mean the same, and the keys of params.yaml that decide it."""


def obstacles(kept: Description) -> Iterator[str]:
    """What keeps a training from going on from a network."""
    if kept.refit:
        yield KNOWS_VALID
    if kept.ensemble:
        yield ARE_TWO


def begin(
    network: Network, description: Description, config: Finetune, dataset: Dataset, previous: Path = PREVIOUS
) -> None:
    """Give a network the weights from which its training is to begin, as `finetune.init` says.

    Args:
        network: with its fitted head, from which training begins where nothing else is said.
        previous: the folder that `graft keep` filled.

    Raises:
        TrainingError: the folder is not the one that the params name, or the network in it is another.
        DataError: it learnt from images that are in valid or test now.
        WeightsError: its weights do not fit its description.
    """
    if config.init == "head":
        return
    if not previous.is_dir():
        raise TrainingError(f"finetune.init is 'previous', and {previous} is absent: `graft keep` fills it")
    if (found := fingerprint(previous)) != config.previous:
        raise TrainingError(
            f"{previous} has the digest {found}, and finetune.previous is {config.previous}: bring the folder back "
            "that was meant, or take this one by setting finetune.previous"
        )
    theirs = describe(previous)
    for obstacle in obstacles(theirs):
        raise TrainingError(f"{previous}: {obstacle}")
    _require_alike(theirs, description, previous)
    _require_unseen(previous / "split.csv", dataset)
    load_into(network, read_state(previous), previous)


def _require_alike(theirs: Description, ours: Description, previous: Path) -> None:
    if theirs.classes != ours.classes:
        gone, new = (", ".join(sorted({*one} - {*other})) or "none" for one, other in _both_ways(theirs, ours))
        raise TrainingError(
            f"{previous}: its network has {len(theirs.classes)} classes and this run {len(ours.classes)} (only there: "
            f"{gone}; only here: {new}); they must be the same: set finetune.init to head"
        )
    for name, key in KEYS.items():
        there, here = getattr(theirs, name), getattr(ours, name)
        if there != here:
            raise TrainingError(
                f"{previous}: its network has {name} {there!r} and this run {here!r}: set {key} as it was"
            )


def _both_ways(theirs: Description, ours: Description) -> list[tuple[list[str], list[str]]]:
    return [(theirs.classes, ours.classes), (ours.classes, theirs.classes)]


def _require_unseen(split: Path, dataset: Dataset) -> None:
    """Check that no image moved towards test since: the earlier network learnt from train, and was chosen by valid."""
    before = tables.read(split, ["path", "split"]).set_index("path")["split"]
    rank = {name: number for number, name in enumerate(SPLITS)}
    moved = dataset.rows[dataset.rows["split"].map(rank) > dataset.rows["path"].map(before).map(rank)]
    if len(moved):
        first = moved.iloc[0]
        raise DataError(
            f"{len(moved)} images were in an earlier split when the network of finetune.init was trained, such as "
            f"{first['path']!r}, then in {before[first['path']]} and now in {first['split']}: it knows them, and the "
            "figures would flatter. Keep the split as it was (split.by hash does where images are added), or set "
            "finetune.init to head"
        )
