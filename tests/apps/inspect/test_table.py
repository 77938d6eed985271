"""The table says what fine-tuning would do: shapes, counts, what is frozen, rates; before and after any run."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.inspect.table import list_layers
from graft.apps.use import presets
from graft.core.errors import ParamsError
from graft.finetune.config import Finetune
from graft.finetune.parameter_groups import freeze, parameter_groups
from tests.finetune.conftest import network  # noqa: F401 - a fixture

TINY = {"name": "test_efficientnet", "weights": "made.safetensors", "licence": "none"}


@pytest.fixture
def values(values: dict[str, Any]) -> dict[str, Any]:
    """params.yaml of the tiny network; nothing is downloaded."""
    return values | {"backbone": TINY, "embed": {"size": 64}, "finetune": {"freeze": ["conv_stem", "bn1"], "epochs": 3}}


def rows(lines: list[str]) -> dict[str, list[str]]:
    """Cells by name of the layer."""
    table = [re.split(r"\s{2,}", line) for line in lines[1:] if "  " in line]
    return {cells[0]: cells[1:] for cells in table}


def test_what_is_frozen_has_no_rate_and_rates_rise_to_the_head(values: dict[str, Any]) -> None:
    found = rows(list(list_layers(values)))
    assert found["layer"] == ["kind", "gives", "parameters", "count", "training", "peak rate"]
    stem = found["conv_stem"]
    assert stem == ["Conv2d", "24 x 32 x 32", "weight 24x3x3x3, bias 24", "672", "frozen"]  # 24 * 27 + 24
    # lr 0.001: half of it at the head's bias, over the root of its 256 inputs at its weight
    head = ["Linear", "2", "weight 2x256, bias 2", "514", "trains", "3.1e-05, 0.0005"]
    assert found["head.linear"] == head
    rates = [float(cells[-1]) for name, cells in found.items() if cells[-2:-1] == ["trains"] and name != "head.linear"]
    assert rates == sorted(rates)
    assert 0.0005 / 100 < rates[0] < rates[-1] < 0.0005


def test_the_totals_are_those_of_the_network_that_trains(
    values: dict[str, Any],
    network: torch.nn.Module,  # noqa: F811
) -> None:
    config = Finetune(**values["finetune"])
    freeze(network, config.freeze)  # type: ignore[arg-type]
    trained = sum(one.numel() for group in parameter_groups(network, 1, 1, 0) for one in group["params"])  # type: ignore[arg-type]
    every = sum(one.numel() for one in network.parameters())
    lines = list(list_layers(values))
    assert f"{every:,} parameters: {trained:,} train, {every - trained:,} are frozen" in lines
    counted = sum(
        int(cells[3].replace(",", "")) for name, cells in rows(lines).items() if len(cells) > 4 and name != "layer"
    )
    assert counted == every


def test_what_joins_in_later_says_when(values: dict[str, Any]) -> None:
    later = values["finetune"] | {"unfreeze": [{"epoch": 2, "pattern": "conv_stem"}]}
    lines = list(list_layers(values | {"finetune": later}))
    assert rows(lines)["conv_stem"][-2] == "from epoch 2"
    assert any(line.endswith("train, 672 of them from a later epoch on, 0 are frozen") for line in lines)


def test_without_finetuning_only_the_head_trains(values: dict[str, Any]) -> None:
    lines = list(list_layers(values | {"finetune": {"epochs": 0}}))
    found = rows(lines)
    assert found["head.linear"][-2:] == ["trains", "0.001"]
    assert {cells[-1] for name, cells in found.items() if len(cells) > 3 and name not in ("layer", "head.linear")} == {
        "frozen"
    }
    assert "finetune.epochs is 0, and train-head trains the head alone, at up to 0.001" in lines


def test_batch_norms_that_train_have_rows_of_their_own(values: dict[str, Any]) -> None:
    trains = {"finetune": {"freeze": ["conv_stem"], "epochs": 1, "batch_norm": "train"}}
    found = rows(list(list_layers(values | trains)))
    assert found["bn1"][2:5] == ["weight 24, bias 24", "48", "trains"]


def test_the_head_is_for_the_classes_that_there_are(values: dict[str, Any], tmp_path: Path) -> None:
    assert "for two classes (there are no labels yet)" in next(list_layers(values))
    (data := tmp_path / "data").mkdir()
    pd.DataFrame({"path": list("abc"), "label": ["x", "y", "z"]}).to_csv(data / "labels.csv", index=False)
    pd.DataFrame({"path": list("abc"), "split": "train"}).to_csv(data / "split.csv", index=False)
    lines = list(list_layers(values))
    assert lines[0].startswith("test_efficientnet with a linear head for 3 classes")
    assert rows(lines)["head.linear"][1] == "3"


def test_what_the_body_holds_beside_its_layers_counts(values: dict[str, Any]) -> None:
    vit = {"backbone": TINY | {"name": "test_vit"}, "finetune": {"epochs": 1}}
    found = rows(list(list_layers(values | vit)))
    assert found["(the body)"][1].startswith("cls_token 1x1x64, pos_embed 1x")


def test_patterns_that_match_nothing_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=r"finetune.freeze: 'layer1' matches no parameter"):
        list(list_layers(values | {"finetune": {"freeze": ["layer1"]}}))


def test_a_network_of_another_kind_that_was_handed_on_is_named(finetuned: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli.app, ["inspect"])  # params.yaml of the project names another
    assert done.exit_code == 0, done.output
    assert "models/finetuned is still of test_efficientnet: run `dvc repro`" in done.output
    assert done.output.endswith("graft inspect LAYER IMAGE draws what one of them gives\n")


def test_the_alexnet_of_the_tutorials_trains_its_last_layer_alone(values: dict[str, Any]) -> None:
    preset, _ = presets.read_preset("dogs-vs-cats-alexnet")
    lines = list(list_layers(values | preset))
    found = rows(lines)
    training = {layer: cells[4:] for layer, cells in found.items() if len(cells) > 4 and layer != "layer"}
    assert training.pop("head.linear") == ["trains", "0.001, 0.064"]
    assert set(map(tuple, training.values())) == {("frozen",)}
    assert {"features.0", "classifier.1", "classifier.4"} <= training.keys()
    (remark,) = [line for line in lines if line.startswith("peak rates")]
    assert remark == "peak rates are those of finetune (adamw, step); before it, train-head leaves the head fresh"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "resnet18"])
def test_presets_freeze_what_they_say_in_the_network_that_trains(values: dict[str, Any], name: str) -> None:
    """With batch norms folded and with batch norms of their own."""
    preset, _ = presets.read_preset(name, presets.BACKBONES)
    for batch_norm in ("frozen", "train"):
        found = rows(list(list_layers(values | preset | {"finetune": preset["finetune"] | {"batch_norm": batch_norm}})))
        frozen = [
            cells for layer, cells in found.items() if layer.startswith(("features", "conv1", "bn1")) and len(cells) > 3
        ]
        assert {cells[-1] for cells in frozen} == {"frozen"}
