"""``graft check``: every key of params.yaml checked before any stage runs; names of earlier versions renamed."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from graft.apps.use.presets import move_comment, put_before, read_document, split_comment, write_document
from graft.augment.config import Augment
from graft.backbone.config import Backbones, joint_name, listed
from graft.core import params
from graft.core.errors import ParamsError, WeightsError, nearest
from graft.core.seeds import Seed
from graft.evaluate.config import Evaluate
from graft.export import formats
from graft.export.config import Export
from graft.finetune.config import Finetune
from graft.heads.config import TrainHead
from graft.images.depth import USUAL_DEPTH
from graft.images.presize import Presize, read_depth
from graft.index.config import Index
from graft.labels.rules import Labels
from graft.network.config import Embed
from graft.optim.config import LearningRate
from graft.report.config import Report
from graft.source.config import Source
from graft.split.config import Split

MODELS: dict[str, Any] = {
    "lr": LearningRate,
    "seed": Seed,
    "source": Source,
    "labels": Labels,
    "index": Index,
    "split": Split,
    "presize": Presize,
    "backbone": Backbones,
    "embed": Embed,
    "train_head": TrainHead,
    "augment": Augment,
    "finetune": Finetune,
    "evaluate": Evaluate,
    "report": Report,
    "export": Export,
}

IMAGES = Path("data/images.csv")

RENAMED = {
    "labels.several": "labels.label_separator",
    "index.near": "index.near_duplicates",
    "audit.max_metadata_gain": "split.max_metadata_gain",
    "embed.view": "embed.size",
    "finetune.warm_up": "finetune.warmup_fraction",
    "finetune.ema": "finetune.ema_decay",
    "finetune.clip": "finetune.grad_clip_norm",
    "evaluate.flips": "evaluate.tta",
    "evaluate.gallery": "report.gallery",
    "evaluate.review": "report.review",
    "export.max_flips": "export.max_mismatches",
    "export.int8.max_flips": "export.int8.max_mismatches",
    "export.timm": "export.formats",
}
"""Keys of earlier versions, and what each is called now."""

REMOVED = {"finetune.views": "every epoch draws its random views afresh"}
"""Keys of earlier versions that have no successor, and why."""


def check_file(file: Path, network: bool = True) -> dict[str, Any]:
    """Read params.yaml and check every key of it.

    Args:
        network: also build the backbone, without its weights, and check what is said of its layers.

    Raises:
        ParamsError: all problems of all sections, a missing or unknown key among them, one a line; where keys have
            names of an earlier version, only these.
    """
    values = params.load(file)
    strange = [key for key in values if key not in MODELS]
    problems = [f"{key}: unknown key{nearest(str(key), MODELS)}; the keys are {', '.join(MODELS)}" for key in strange]
    sections: dict[str, Any] = {}
    for key, kind in MODELS.items():
        try:
            sections[key] = params.check(key, kind, values[key])
        except ParamsError as error:
            problems.append(str(error))
    if {"labels", "index"} <= sections.keys():
        problems += _region_problems(sections["labels"], sections["index"])
    if network and {"backbone", "embed", "train_head", "finetune"} <= sections.keys():
        problems += _network_problems(**sections)
    problems += [] if problems else _format_obstacles(file.parent / IMAGES, **sections)
    if problems and (outdated := list(_update(read_document(file)))):
        advice = f"{file} has keys of an earlier version; `graft check --fix` brings them up to date:"
        raise ParamsError("\n  ".join([advice, *outdated]))
    if problems:
        raise ParamsError("\n".join(problems))
    return values


def _region_problems(labels: Labels, index: Index) -> Iterator[str]:
    """Labels that belong to boxes where there are none, or to whole images where only boxes count."""
    if labels.rule == "regions" and index.regions is None:
        yield "labels.rule 'regions' takes labels from the table of index.regions, which names none"
    if index.regions is not None and (labels.rule == "table" or labels.lists is not None):
        key = "labels.lists" if labels.lists is not None else "labels.rule 'table'"
        yield f"{key} names whole images, and index.regions makes boxes of them: use rule regions, folder or regex"


def _network_problems(
    *, backbone: Backbones, embed: Embed, train_head: TrainHead, finetune: Finetune, **_: Any
) -> Iterator[str]:
    """A backbone that no library has, layers and patterns that name nothing of it, or no way to train it so.

    It is built without weights.
    """
    # late: torch and the libraries take seconds
    from graft.backbone.build import create, find
    from graft.backbone.weights import published
    from graft.finetune.adapters import linear_layers
    from graft.finetune.parameter_groups import match_parameters
    from graft.network.features import Features
    from graft.network.network import share_layers

    bodies = []
    for one in listed(backbone):
        try:
            published(one.weights, find(one.name).name)
            bodies.append(create(one.name))
        except WeightsError as error:
            yield str(error)
            return
    try:
        for body, layers in zip(bodies, share_layers(bodies, embed.layers), strict=True):
            Features(body, layers, embed.pools)
    except ParamsError as error:
        yield str(error)
    patterns = [("finetune.freeze", pattern) for pattern in finetune.freeze]
    for key, pattern in patterns + [("finetune.unfreeze", part.pattern) for part in finetune.unfreeze]:
        try:
            for parameter in match_parameters(bodies, pattern, key):
                parameter.requires_grad_(key == "finetune.unfreeze")
        except ParamsError as error:
            yield str(error)
    yield from finetune.obstacles(train_head.head)
    if finetune.method == "lora":
        try:
            linear_layers(bodies, joint_name([one.name for one in listed(backbone)]))
        except ParamsError as error:
            yield str(error)


def _format_obstacles(
    images: Path,
    *,
    index: Index,
    backbone: Backbones,
    embed: Embed,
    train_head: TrainHead,
    finetune: Finetune,
    presize: Presize,
    evaluate: Evaluate,
    export: Export,
    **_: Any,
) -> list[str]:
    """What keeps the network out of the formats that are asked for: better known now than after the training.

    Args:
        images: images.csv, which says how many bits the images have, where `index` has run.
    """
    square = presize.square(USUAL_DEPTH)
    wide = bool(export.formats) and (
        index.depth != "auto" or (images.is_file() and read_depth(images) is not USUAL_DEPTH)
    )
    traits = formats.Traits(
        backbone=joint_name((1 + finetune.ensemble) * [one.name for one in listed(backbone)]),
        layers=embed.layers,
        standardise=embed.standardise,
        head=train_head.head,
        crop=square.crop,
        padded=square.padding is not None,
        wide=wide,
        tta=evaluate.tta,
        int8=export.int8 is not None,
    )
    found = {name: formats.find(name).obstacles(traits) for name in export.formats}
    return [formats.refusal(name, reasons) for name, reasons in found.items() if reasons]


def fix(file: Path) -> list[str]:
    """Rename the keys of earlier versions in params.yaml; comments, order and all else stay.

    Returns:
        One line for each key that changed, ``embed.view is now embed.size``; none the second time.

    Raises:
        ParamsError: the file cannot be read, or a key stands there under both names.
    """
    document = read_document(file)
    if changed := list(_update(document)):
        write_document(document, file)
    return changed


def _update(document: Any) -> Iterator[str]:
    """Bring a document of ruamel's up to date, yielding what changes."""
    for old, new in RENAMED.items():
        holder, key = _find(document, old)
        if key not in holder:
            continue
        target, name = _find(document, new)
        if name in target:
            raise ParamsError(f"{old} is now {new}, and both are there; remove one of them")
        if old.rpartition(".")[0] == new.rpartition(".")[0]:
            _rename(holder, key, name)
        else:
            _move(document, old, new)
        if new == "export.formats":  # which was one, wanted or not
            target[name] = ["timm"] if target[name] else []
        yield f"{old} is now {new}"
    for old, why in REMOVED.items():
        holder, key = _find(document, old)
        if key in holder:
            _take(holder, key)
            yield f"{old} is gone: {why}"
    if document.get("audit") == {}:
        _take(document, "audit")
        yield "audit is gone: its one key is now in split"
    if "evaluate" in document and "report" not in document:
        _add_section(document, "report", after="evaluate")
        yield "report is new: what the report shows; as it is empty, its defaults hold"


def _find(document: Any, dotted: str) -> tuple[Any, str]:
    """The mapping that a dotted key would lie in, an empty one where there is none, and the key in it."""
    *above, key = dotted.split(".")
    for name in above:
        document = document.get(name) if isinstance(document, MutableMapping) else None
    return (document if isinstance(document, MutableMapping) else {}), key


def _rename(holder: Any, old: str, new: str) -> None:
    """Give a key another name, in its place and with its comments."""
    position, comments = list(holder).index(old), holder.ca.items.pop(old, None)
    holder.insert(position, new, holder.pop(old))
    if comments:
        holder.ca.items[new] = comments
        move_comment(holder, new)


def _move(document: Any, old: str, new: str) -> None:
    """Move a key, and the comment on its line, to the end of another section."""
    (holder, key), section = _find(document, old), new.split(".", maxsplit=1)[0]
    if section not in document:
        _add_section(document, section, after=old.split(".", maxsplit=1)[0])
    value, comments = _take(holder, key)
    target, name = _find(document, new)
    target[name] = value
    if comments:
        target.ca.items[name] = comments
        move_comment(target, name)


def _take(holder: Any, key: str) -> tuple[Any, Any]:
    """Remove a key; return its value and comment. Lines of comment around it stay, before what follows."""
    keys = list(holder)
    following = keys[keys.index(key) + 1 :][:1]
    rest, comments = split_comment(holder, key), holder.ca.items.pop(key, None)
    for name in following:
        before = [token.value for token in (comments or [None, None])[1] or [] if token.value.strip()]
        put_before(holder, name, "".join([*before, rest]))
    return holder.pop(key), comments


def _add_section(document: Any, section: str, after: str) -> None:
    """Add an empty section behind another."""
    from ruamel.yaml.comments import CommentedMap

    document.insert(list(document).index(after) + 1, section, CommentedMap())
    put_before(document, section, "\n")
