"""Presets of networks, one of each family, with made weights: features, a head, a training step, the same in ONNX."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from graft.apps.use import presets
from graft.augment.config import Augment
from graft.backbone.build import find, native_size
from graft.backbone.config import Backbones, listed
from graft.backbone.weights import published
from graft.core import params
from graft.export.onnx import export_onnx
from graft.finetune.config import Finetune
from graft.finetune.step import Step, load_trainable
from graft.network.config import Embed
from graft.network.head import linear_head, save
from graft.network.network import pretrained
from graft.tasks import Decision, make_task
from tests.network.tiny_network import fetched

CLASSES = ["a", "b", "c"]
FAMILIES = [
    # name, side in pixels, width of the features, a layer that trains
    ("fast", 64, 1280 + 2 * (96 + 128 + 960), "blocks.3"),
    ("convnext_tiny", 64, 768 + 2 * (384 + 768), "stages.2"),
    ("dinov2_small", 56, 384 + 4 * 2 * 384, "blocks.8"),
    ("dinov3_small", 64, 384 + 4 * 2 * 384, "blocks.8"),
    ("siglip2", 64, 768 + 4 * 768, "blocks.8"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "size", "wide", "trained"), FAMILIES)
def test_from_made_weights_to_a_graph(preset: str, size: int, wide: int, trained: str, tmp_path: Path) -> None:
    values, _ = presets.read_preset(preset, presets.BACKBONES)
    fetched(values["backbone"]["name"], ".safetensors", tmp_path)
    (tmp_path / "made.safetensors").unlink()
    network, description = pretrained(tmp_path, Embed(**values["embed"] | {"size": size}))
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8))
    with torch.inference_mode():
        features = network(torch.rand((8, 3, size, size), generator=torch.Generator().manual_seed(0)))
    assert features.shape == (8, wide)
    assert (features.std(0) > 1e-4).float().mean() > 0.8  # they tell images apart
    # a head on them, and one step of the network with it
    torch.manual_seed(0)
    moments = features.mean(0), features.std(0) + 1e-3
    head = linear_head(torch.randn(wide, 3) / wide**0.5, torch.zeros(3), (moments[0].clone(), moments[1].clone()))
    (tmp_path / "head").mkdir()
    described = description.model_copy(update={"classes": CLASSES})
    save(tmp_path / "head", head, described)
    config = Finetune(**values["finetune"], precision="fp32")
    whole, description = load_trainable(tmp_path, tmp_path / "head", config)
    del network, features
    before = {name: value.clone() for name, value in whole.named_parameters()}
    targets, task = np.arange(8) % 3, make_task(CLASSES, False)
    step = Step(whole, task, targets, config, Augment(), 1e-2)
    step.train_mode()
    step.backward(pixels, torch.from_numpy(targets), size, 0, 8)
    assert torch.isfinite(step.update())
    changed = {name for name, value in whole.named_parameters() if not torch.equal(value, before[name])}
    assert any(name.startswith(f"features.body.{trained}.") for name in changed)
    assert changed == {name for name, value in whole.named_parameters() if value.requires_grad}
    # and the same answers from ONNX
    whole.eval()
    export_onnx(whole, task, size, 64, Decision(), tmp_path / "model.onnx")
    with torch.inference_mode():
        resized = torch.nn.functional.interpolate(
            pixels.permute(0, 3, 1, 2).float() / 255, (size, size), mode="bilinear", align_corners=False
        )
        expected = whole(resized).softmax(1).numpy()
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {"pixels": pixels.numpy()})[0]
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert expected.std() > 0.01


@pytest.mark.parametrize("name", presets.names(presets.BACKBONES))
def test_weights_and_sizes_are_those_of_the_library(name: str) -> None:
    values, _ = presets.read_preset(name, presets.BACKBONES)
    for backbone in listed(params.check("backbone", Backbones, values["backbone"])):
        entry = published(backbone.weights, find(backbone.name).name)
        if entry is None:  # a package brings them
            assert backbone.weights.startswith("package://")
            assert backbone.sha256 is not None
        else:
            assert entry.address.endswith((".safetensors", ".pth"))
        assert values["embed"].get("size", 224) <= native_size(backbone.name)
