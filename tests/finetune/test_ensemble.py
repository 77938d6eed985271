"""Before and after as one network: its logits are their mean, wherever it is loaded; it begins no training."""

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from graft.core.errors import ParamsError
from graft.data.dataset import LabelledImages
from graft.export.onnx import export_onnx
from graft.finetune.config import Finetune
from graft.finetune.ensemble import ensemble
from graft.finetune.previous import obstacles
from graft.finetune.step import load_trainable
from graft.network.features import Features
from graft.network.head import Head, linear_head, save
from graft.network.network import Joint, Network, load, side_by_side
from graft.report.heat_maps import heat_maps
from graft.tasks import Decision
from tests.finetune.conftest import DESCRIPTION
from tests.finetune.tiny_training import CONFIG, TASK, check_resumed, training
from tests.network.tiny_network import tiny_body


@pytest.fixture
def views() -> torch.Tensor:
    return torch.rand((4, 3, 32, 32), generator=torch.Generator().manual_seed(0))


def drawn(seed: int, width: int = 256) -> Head:
    """A head with moments and weights of its own."""
    generator = torch.Generator().manual_seed(seed)
    weight, mean = torch.randn((width, 2), generator=generator), torch.randn(width, generator=generator)
    return linear_head(weight, torch.tensor([seed, -1.0]), (mean, 1 + torch.rand(width, generator=generator)))


def other(network: Network, seed: int) -> Network:
    """A network alike with other weights."""
    made = copy.deepcopy(network)
    made.head = drawn(seed, made.head.features if made.head else 0)
    with torch.no_grad():
        for parameter in made.features.parameters():
            parameter.mul_(1 + 0.1 * seed)
    return made


def answers(network: Network, views: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network(views)
        return logits


def test_logits_are_the_mean_of_both(network: Network, views: torch.Tensor, tmp_path: Path) -> None:
    pair = [other(network, seed) for seed in (1, 2)]
    each = [answers(one, views) for one in pair]
    joint, described = ensemble(pair[0], pair[1], DESCRIPTION)
    torch.testing.assert_close(answers(joint, views), (each[0] + each[1]) / 2, rtol=1e-4, atol=1e-4)
    assert (each[0] - each[1]).abs().max() > 0.1
    assert (described.backbone, described.ensemble) == ("test_efficientnet + test_efficientnet", True)
    save(tmp_path, joint, described)
    again, loaded = load(tmp_path)
    assert loaded == described
    assert torch.equal(answers(again, views), answers(joint, views))
    assert heat_maps(again, views, torch.tensor([0, 1, 0, 1])).shape == (4, 32, 32)


def test_of_several_backbones_too(network: Network, views: torch.Tensor) -> None:
    alone = DESCRIPTION.model_copy(update={"classes": []})
    members = [Network(Features(tiny_body(), [], ["mean"]), None, alone) for _ in range(2)]
    description = side_by_side(DESCRIPTION, [alone, alone])
    joined = Network(Joint(members), drawn(0, 512), description).eval()
    pair = [other(joined, seed) for seed in (1, 2)]
    wanted = sum(answers(one, views) for one in pair) / 2
    joint, described = ensemble(pair[0], pair[1], description)
    torch.testing.assert_close(answers(joint, views), torch.as_tensor(wanted), rtol=1e-4, atol=1e-4)
    assert described.members == [alone] * 4


def test_training_hands_on_the_mean_of_its_beginning_and_its_end(
    network: Network, images: LabelledImages, views: torch.Tensor, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"ensemble": True})
    check_resumed(network, images, tmp_path, 1, config)
    runs = [training(network, images, one, lr=1e-2) for one in (CONFIG, config)]
    histories = [list(run.epochs()) for run in runs]
    assert histories[0] == histories[1]
    (trained, plain), (joint, described) = (run.result(DESCRIPTION) for run in runs)
    assert (plain, described.ensemble) == (DESCRIPTION, True)
    mean = (answers(network, views) + answers(trained, views)) / 2
    torch.testing.assert_close(answers(joint, views), mean, rtol=1e-4, atol=1e-4)
    assert (answers(trained, views) - mean).abs().max() > 1e-3


@pytest.mark.slow
def test_the_bundle_answers_as_it_does(network: Network, tmp_path: Path) -> None:
    joint, _ = ensemble(other(network, 1), other(network, 2), DESCRIPTION)
    expected = answers(joint, torch.full((2, 3, 32, 32), 128 / 255)).softmax(1).numpy()
    export_onnx(joint, TASK, 32, 32, Decision(), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {"pixels": np.full((2, 32, 32, 3), 128, dtype=np.uint8)})[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def convolutions(network: Network, file: Path) -> int:
    export_onnx(network, TASK, 32, 32, Decision(), file)
    return sum(node.op_type == "Conv" for node in onnx.load(file).graph.node)


@pytest.mark.slow
def test_the_bundle_computes_once_what_both_share(network: Network, tmp_path: Path) -> None:
    alone = convolutions(network, tmp_path / "alone.onnx")
    apart, _ = ensemble(other(network, 1), other(network, 2), DESCRIPTION)
    assert convolutions(apart, tmp_path / "apart.onnx") == 2 * alone
    alike = [copy.deepcopy(network), copy.deepcopy(network)]
    with torch.no_grad():
        alike[1].features.body.conv_head.weight.add_(1)  # type: ignore[operator, union-attr]
    shared, _ = ensemble(alike[0], alike[1], DESCRIPTION)
    assert convolutions(shared, tmp_path / "shared.onnx") == alone + 1


def test_heads_with_a_hidden_layer_are_refused(tmp_path: Path) -> None:
    described = DESCRIPTION.model_copy(update={"head": "mlp", "hidden": 8})
    save(tmp_path, Head(256, 2, "mlp", 8), described)
    with pytest.raises(ParamsError, match=r"finetune.ensemble joins linear heads alone, and train_head.head is 'mlp'"):
        load_trainable(tmp_path / "absent", tmp_path, Finetune(ensemble=True))


def test_no_training_begins_from_two() -> None:
    (obstacle,) = obstacles(DESCRIPTION.model_copy(update={"ensemble": True}))
    assert obstacle.endswith("have finetune.ensemble false")
