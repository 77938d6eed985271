"""The layers of the network that params.yaml describes: shapes, parameters, which of them train, and how fast."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from graft.apps.inspect.layers import FINETUNED, survey
from graft.backbone.build import create
from graft.backbone.config import Backbones, listed
from graft.core import params
from graft.data.dataset import read_dataset
from graft.finetune.adapters import adapt
from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import freeze, parameter_groups, unfreeze_epochs
from graft.heads.config import TrainHead
from graft.network.config import Embed
from graft.network.head import Description, describe, make_head
from graft.network.network import Network, blank_features, check_size, described, named_layers, share_layers, width
from graft.optim.config import LearningRate

LABELS, SPLIT = Path("data/labels.csv"), Path("data/split.csv")
COLUMNS = ("layer", "kind", "gives", "parameters", "count", "training", "peak rate")
ITSELF = "(the body)"
"""Stands for parameters that the body holds beside its layers, such as a class token."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How fine-tuning treats each parameter.

    Attributes:
        rates: the peak of its learning rate; what is frozen has none.
        starts: the first epoch of what joins in later.
        remark: a line for a person.
    """

    rates: dict[nn.Parameter, float]
    starts: dict[nn.Parameter, int]
    remark: str

    @classmethod
    def of(cls, network: Network, config: Finetune, head: TrainHead, lr: float) -> "Plan":
        """Plan the training of a network, whose frozen parameters are then marked so.

        Raises:
            ParamsError: a pattern of `freeze` or `unfreeze` matches nothing.
        """
        assert network.head is not None
        if head.solver == "lbfgs":
            fitting = "train-head takes the head to its optimum, whatever lr is"
        elif head.epochs:
            fitting = f"train-head trains the head alone, at up to {lr:g}"
        else:
            fitting = "train-head leaves the head fresh"
        if not config.epochs:
            trained = network.head.parameters() if head.solver == "lbfgs" or head.epochs else ()
            return cls(dict.fromkeys(trained, lr), {}, f"finetune.epochs is 0, and {fitting}")
        freeze(network, config.freeze, config.unfreeze)
        adapt(network, config, 0)
        groups = parameter_groups(network, lr / 2, config.lr_ratio, config.weight_decay)
        rates = {parameter: group["lr"] for group in groups for parameter in group["params"]}
        remark = f"peak rates are those of finetune ({config.optimizer}, {config.schedule}); before it, {fitting}"
        return cls(rates, unfreeze_epochs(network, config.unfreeze), remark)

    def said(self, parameters: list[nn.Parameter]) -> tuple[str, str]:
        """Whether a layer's parameters train, from when on, and their rates."""
        if not parameters:
            return "", ""
        rates = list(dict.fromkeys(f"{self.rates[one]:.2g}" for one in parameters if one in self.rates))
        starts = {self.starts[one] for one in parameters if one in self.starts}
        trains = f"from epoch {max(starts)}" if starts else "trains" if rates else "frozen"
        return trains, ", ".join(rates)


def list_layers(values: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each layer that runs or has parameters, then totals.

    The network is built from its description alone, so that nothing needs to be downloaded or trained yet.

    Raises:
        ParamsError: the network has no such layer, takes no images of such a size, or a pattern matches nothing.
    """
    config: Finetune = params.check("finetune", Finetune, values["finetune"])
    head: TrainHead = params.check("train_head", TrainHead, values["train_head"])
    network, description, title = blank_network(values, config, head)
    plan = Plan.of(network, config, head, params.check("lr", LearningRate, values["lr"]))
    outputs = {output.name: output for output in survey(network, description.size)}
    rows: list[tuple[str, ...]] = [COLUMNS]
    bodies = {f"{prefix}{ITSELF}": part.body for prefix, part in network.parts.items()}
    for name, layer in (bodies | named_layers(network)).items():
        own = dict(layer.named_parameters(recurse=False))
        output = outputs.get(name)
        if output is None and not own:
            continue
        gives = " x ".join(map(str, output.shape)) if output else "" if name in bodies else "nothing"
        gives += f" ({output.runs} times)" if output and output.runs > 1 else ""
        shapes = ", ".join(f"{key} {'x'.join(map(str, value.shape)) or 'number'}" for key, value in own.items())
        count = f"{sum(value.numel() for value in own.values()):,}" if own else ""
        rows.append((name, type(layer).__name__, gives, shapes, count, *plan.said(list(own.values()))))
    yield f"{title}; what each layer gives for an image of {description.size} x {description.size}:"
    yield from _aligned(rows)
    yield from _totals(network, plan)
    if FINETUNED.is_dir() and (theirs := describe(FINETUNED).backbone) != description.backbone:
        yield f"{FINETUNED} is still of {theirs}: run `dvc repro`"
    yield "graft inspect LAYER IMAGE draws what one of them gives"


def blank_network(values: dict[str, Any], config: Finetune, head: TrainHead) -> tuple[Network, Description, str]:
    """Build the network that params.yaml describes, with zeros for weights, as `finetune` trains it.

    Until there are labels its head is for two classes.

    Returns:
        The network, its description, and a title for a person.

    Raises:
        ParamsError: it has no such layer, or takes no images of such a size.
    """
    names = [backbone.name for backbone in listed(params.check("backbone", Backbones, values["backbone"]))]
    embed: Embed = params.check("embed", Embed, values["embed"])
    classes = read_dataset(LABELS, SPLIT).classes if LABELS.is_file() and SPLIT.is_file() else []
    any_colours = [{"name": name, "mean": [0.5] * 3, "std": [0.5] * 3} for name in names]
    shares = share_layers([create(name) for name in names], embed.layers)
    described_head = {"classes": classes or ["", ""], "folded": config.batch_norm == "frozen"} | head.described()
    description = described(any_colours, embed, shares).model_copy(update=described_head)
    features = blank_features(description)
    bare = Network(features, None, description).eval()
    check_size(bare, description, description.size, "embed.size")
    network = Network(features, make_head(description, width(bare), len(description.classes)), description).eval()
    whose = f"{len(classes)} classes" if classes else "two classes (there are no labels yet)"
    return network, description, f"{description.backbone} with a {description.head} head for {whose}"


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Columns of one width each, counts at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(COLUMNS, row, widths, strict=True)
        yield "  ".join(
            cell.rjust(size) if name == "count" else cell.ljust(size) for name, cell, size in cells
        ).rstrip()


def _totals(network: Network, plan: Plan) -> Iterator[str]:
    parameters = list(network.parameters())
    count = sum(one.numel() for one in parameters)
    training = sum(one.numel() for one in parameters if one in plan.rates)
    later = sum(one.numel() for one in parameters if one in plan.starts)
    joins = f", {later:,} of them from a later epoch on" if later else ""
    yield f"{count:,} parameters: {training:,} train{joins}, {count - training:,} are frozen"
    yield plan.remark
