"""Several labels a picture, from features to a bundle: what is trained, measured and served is one network."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.core import tables
from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import Dataset, LabelledImages, read_dataset
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import Logits, decide
from graft.evaluate.evaluation import Evaluation, write_evaluations
from graft.export.parity import compare
from graft.finetune.validate import validate
from graft.heads.config import TrainHead
from graft.heads.fit import fit_head
from graft.network.features import Features
from graft.network.head import Description, describe, head_logits, load_head, save
from graft.network.inference import all_outputs
from graft.network.network import Network
from graft.predict.predictor import Predictor
from graft.tasks import task_of
from tests.export.tiny_bundle import write_tiny_bundle
from tests.network.tiny_network import TINY, tiny_body

pytestmark = pytest.mark.slow

COUNT, SIZE, VIEW = 160, 36, 32
CLASSES = ["bright", "green", "red"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that are bright, green, red, any two or all of it, or nothing; with labels, splits and pixels."""
    folder = tmp_path_factory.mktemp("project")
    generator = np.random.default_rng(0)
    held = np.array([[number >> place & 1 for place in range(3)] for number in range(COUNT)])
    pixels = generator.integers(0, 60, (COUNT, SIZE, SIZE, 3))
    pixels += 60 * held[:, 0, None, None, None]
    pixels[:, : SIZE // 2, :, 1] += 120 * held[:, 1, None, None]
    pixels[:, :, : SIZE // 2, 0] += 120 * held[:, 2, None, None]
    names = [f"{number:03}.png" for number in range(COUNT)]
    (folder / "raw").mkdir()
    for name, image in zip(names, pixels.astype(np.uint8), strict=True):
        Image.fromarray(image).save(folder / "raw" / name)
    np.save(folder / "pixels.npy", pixels.astype(np.uint8))
    labels = ["|".join(np.asarray(CLASSES)[row == 1]) for row in held]
    splits = [
        "excluded" if number < 4 else ("train", "test", "train", "valid")[number // 8 % 4] for number in range(COUNT)
    ]
    tables.write(folder / "rows.csv", pd.DataFrame({"path": names}))
    tables.write(folder / "labels.csv", pd.DataFrame({"path": names, "labels": labels, "group": ""}))
    tables.write(folder / "split.csv", pd.DataFrame({"path": names, "split": splits}))
    return folder


@pytest.fixture(scope="module")
def dataset(project: Path) -> Dataset:
    return read_dataset(project / "labels.csv", project / "split.csv")


@pytest.fixture(scope="module")
def embedder() -> tuple[Network, Description]:
    """A folded tiny network with weights made on the spot, that ends in its features."""
    body = tiny_body()
    description = TINY.model_copy(update={"size": VIEW, "layers": ["conv_stem"]})
    return Network(Features(body, description.layers, description.pools), None, description).eval(), description


@pytest.fixture(scope="module")
def head(project: Path, dataset: Dataset, embedder: tuple[Network, Description]) -> Path:
    """The folder of a head fitted to stored features, as `train-head` leaves it."""
    network, description = embedder
    pixels, folder = ImageRows(project / "pixels.npy"), project / "head"
    np.save(project / "features.npy", all_outputs(network, pixels, np.arange(COUNT), VIEW, "fp32", "embed")[:, None])
    features = Embeddings(project / "features.npy")
    fitted = fit_head(features, dataset, TrainHead(epochs=60, batch_size=16, l2=[0.1, 0.01]), 0.02, seed=0)
    assert fitted.valid["exact_match"] > 0.9
    folder.mkdir()
    save(folder, fitted.head, description.model_copy(update={"classes": dataset.classes, "multi_label": True}))
    return folder


def test_head_to_bundle(
    project: Path, dataset: Dataset, embedder: tuple[Network, Description], head: Path, tmp_path: Path
) -> None:
    fitted, description = load_head(head)
    assert describe(head).multi_label
    assert dataset.classes == description.classes == CLASSES
    task, pixels = task_of(description), ImageRows(project / "pixels.npy")
    network = Network(embedder[0].features, fitted, description).eval()
    found = validate(network, task, LabelledImages.of(pixels, dataset, "valid"), VIEW, "fp32")
    assert found.metrics["exact_match"] > 0.9

    # measured: the network over the pixels says what the head says of the stored features
    test = LabelledImages.of(pixels, dataset, "test")
    logits = all_outputs(network, pixels, test.rows, VIEW, "fp32", "evaluate")
    features = Embeddings(project / "features.npy")
    np.testing.assert_allclose(logits, head_logits(fitted, features, features.find(dataset.paths("test"))), atol=1e-4)
    rows = dataset.rows[dataset.rows["split"] == "test"].reset_index(drop=True)
    (tmp_path / "evaluate").mkdir()
    valid = LabelledImages.of(pixels, dataset, "valid")
    judged = all_outputs(network, pixels, valid.rows, VIEW, "fp32", "evaluate")
    decision = decide(task, Logits(judged, valid.targets), Evaluate())
    assert decision.temperature != 1
    write_evaluations(tmp_path / "evaluate", {"test": Evaluation(rows, task, logits, logits, decision)})
    metrics = json.loads((tmp_path / "evaluate/metrics.json").read_text())
    assert metrics["test"]["exact_match"] > 0.9 > 0.2 > metrics["majority"]["exact_match"]

    # served: from the raw files, the same sets of labels
    (tmp_path / "bundle").mkdir()
    write_tiny_bundle(tmp_path / "bundle", network, description, SIZE, decision)
    predictor = Predictor(tmp_path / "bundle")
    predictions = tables.read(tmp_path / "evaluate/predictions.csv")
    files = [project / "raw" / path for path in predictions["path"]]
    parity = compare(predictions, np.concatenate(list(predictor.probabilities(files))), task)
    assert (parity["images"], parity["mismatches"]) == (len(test), 0)
    assert parity["largest_difference"] < 1e-4
    assert ["|".join(predictor.predict(file).labels) for file in files] == predictions["predicted"].tolist()
