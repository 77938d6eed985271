"""Stored features and the whole network must say the same of the head; what differs fails with both figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graft.core.errors import TrainingError
from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import LabelledImages
from graft.evaluate.agreement import HeadScores, require_agreement
from graft.network.config import Precision
from graft.network.features import Features
from graft.network.head import Head
from graft.network.inference import all_outputs
from graft.network.network import Network
from graft.tasks import SingleLabel
from tests.network.tiny_network import TINY, tiny_body

COUNT = 24
TASK = SingleLabel(["dark", "light"])
FITTED = TINY.model_copy(update={"classes": TASK.classes})


@pytest.fixture
def valid(tmp_path: Path) -> LabelledImages:
    """Dark and light noise, in turn."""
    generator = np.random.default_rng(0)
    targets = np.arange(COUNT) % 2
    pixels = generator.integers(0, 40, (COUNT, 32, 32, 3)) + 200 * targets[:, None, None, None]
    np.save(tmp_path / "pixels.npy", pixels.astype(np.uint8))
    pd.DataFrame({"path": [f"{n:02}.png" for n in range(COUNT)]}).to_csv(tmp_path / "rows.csv", index=False)
    return LabelledImages(ImageRows(tmp_path / "pixels.npy"), np.arange(COUNT), targets)


@pytest.fixture
def network(valid: LabelledImages) -> Network:
    """A head that tells the two apart by the class means of the tiny network's features."""
    body = Features(tiny_body(), [], ["mean"])
    features = features_of(Network(body, None, TINY).eval(), valid)
    dark, light = (features[valid.targets == k].mean(0) for k in (0, 1))
    head, towards = Head(features.shape[1], 2), torch.from_numpy(light - dark)
    with torch.no_grad():
        head.linear.weight.copy_(torch.stack([-towards, towards]) / towards.square().sum())
        head.linear.bias.copy_(head.linear.weight @ torch.from_numpy(-(light + dark) / 2))
    return Network(body, head.eval(), FITTED).eval()


def features_of(network: Network, images: LabelledImages) -> np.ndarray:
    return all_outputs(network, images.pixels, images.rows, 32, "fp32", "test")


def stored(network: Network, images: LabelledImages, noise: float = 0.0) -> Embeddings:
    """The features of all images, as `embed` would store them, off by noise in their own deviations."""
    folder = Path(images.pixels._table).parent / "embeddings"
    folder.mkdir()
    features = features_of(Network(network.features, None, TINY).eval(), images)
    features += noise * features.std(0) * np.random.default_rng(1).standard_normal(features.shape)
    np.save(folder / "features.npy", features[:, None].astype(np.float32))
    pd.DataFrame({"path": images.pixels.paths}).to_csv(folder / "rows.csv", index=False)
    return Embeddings(folder / "features.npy")


def test_the_same_features_agree_and_both_figures_are_told(network: Network, valid: LabelledImages) -> None:
    told = require_agreement(network, FITTED, stored(network, valid), valid, TASK, "fp32")
    first, _, second = told.removeprefix("the head on valid: ").partition(" by its stored features, ")
    assert first.startswith("accuracy 1.0000 and log loss 0.")
    assert second == f"{first} through the whole network in fp32"


@pytest.mark.parametrize(
    ("precision", "evaluated", "advice"),
    [
        ("bf16", "fp32", r"set embed.precision: fp32 \(it was bf16\) and run `dvc repro`"),
        ("fp32", "bf16", r"set evaluate.precision: fp32 \(it was bf16\) and run `dvc repro`"),
        ("fp32", "fp32", "the stored features are not those of this network .* run `dvc repro --force embed`"),
    ],
)
def test_other_features_fail_with_both_figures_and_what_to_do(
    network: Network, valid: LabelledImages, precision: Precision, evaluated: Precision, advice: str
) -> None:
    embeddings = stored(network, valid)
    embeddings.array = embeddings.array[::-1]  # dark images have the features of light ones
    fitted = FITTED.model_copy(update={"precision": precision})
    message = (
        "^the head has on valid accuracy 0.0000 and log loss .* by its stored features, accuracy 1.0000 and log loss "
        f".* through the whole network in {evaluated}: .*{advice}$"
    )
    with pytest.raises(TrainingError, match=message):
        require_agreement(network, fitted, embeddings, valid, TASK, evaluated)


def test_a_little_noise_agrees(network: Network, valid: LabelledImages) -> None:
    require_agreement(network, FITTED, stored(network, valid, noise=0.05), valid, TASK, "fp32")


@pytest.mark.parametrize(
    ("metric", "loss", "images", "agree"),
    [
        (0.90, 0.3, 1000, True),
        (0.88, 0.3, 1000, True),
        (0.87, 0.3, 1000, False),
        (0.80, 0.3, 10, True),
        (0.79, 0.3, 10, False),
        (0.90, 0.39, 1000, True),
        (0.90, 0.41, 1000, False),
        (0.90, float("nan"), 1000, False),
    ],
    ids=["same", "within", "beyond", "one of ten", "two of ten", "loss within", "loss beyond", "broken"],
)
def test_a_close_call_may_fall_either_way(metric: float, loss: float, images: int, agree: bool) -> None:
    one, other = HeadScores("accuracy", 0.9, 0.3), HeadScores("accuracy", metric, loss)
    assert one.agrees(other, images) == agree
    assert other.agrees(one, images) == agree
