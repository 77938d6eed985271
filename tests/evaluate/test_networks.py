"""The network that was not handed on answers too: the head by its stored features, the fine-tuned one by a pass."""

from pathlib import Path

import numpy as np
import pytest

from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import LabelledImages
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import Logits, decide, logits_of
from graft.evaluate.networks import answers_of_other, calibrated
from graft.network.head import Head, save
from graft.network.network import NOT_KEPT, Network
from graft.tasks import SingleLabel
from tests.export.tiny_bundle import DESCRIPTION, network

TRAINED = DESCRIPTION.model_copy(update={"finetuned": True})


@pytest.fixture
def images(tmp_path: Path) -> dict[str, LabelledImages]:
    """Five images, two of valid and three of test, beside features that no network computes."""
    generator = np.random.default_rng(0)
    for name, values in (
        ("pixels", generator.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)),
        ("features", generator.normal(size=(5, 1, 3)).astype(np.float32)),
    ):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / f"{name}.npy", values)
        (tmp_path / name / "rows.csv").write_text("path\n" + "".join(f"{place}.png\n" for place in range(5)))
    pixels = ImageRows(tmp_path / "pixels/pixels.npy")
    return {
        "valid": LabelledImages(pixels, np.array([0, 3]), np.array([0, 1])),
        "test": LabelledImages(pixels, np.array([1, 2, 4]), np.array([2, 1, 0])),
    }


def answer(network: Network, some: LabelledImages) -> Logits:
    return logits_of(network, some, 32, "fp32")


def test_the_head_answers_by_its_stored_features(tmp_path: Path, images: dict[str, LabelledImages]) -> None:
    embeddings, fitted = Embeddings(tmp_path / "features/features.npy"), Head(3, 3).eval()
    found = answers_of_other(tmp_path, TRAINED, fitted, embeddings, images, answer)
    features = np.load(tmp_path / "features/features.npy")[[1, 2, 4], 0]
    weight, bias = (parameter.detach().numpy() for parameter in fitted.linear.parameters())
    np.testing.assert_allclose(found["test"].values, features @ weight.T + bias, rtol=1e-5, atol=1e-6)
    assert found["test"].targets.tolist() == [2, 1, 0]
    assert len(found["valid"].values) == 2


def test_a_fine_tuned_network_that_is_not_kept_answers_by_itself(
    tmp_path: Path, images: dict[str, LabelledImages]
) -> None:
    embeddings, tuned = Embeddings(tmp_path / "features/features.npy"), network()
    (tmp_path / NOT_KEPT).mkdir()
    save(tmp_path / NOT_KEPT, tuned, TRAINED)
    found = answers_of_other(tmp_path, DESCRIPTION, Head(3, 3).eval(), embeddings, images, answer)
    np.testing.assert_array_equal(found["test"].values, answer(tuned, images["test"]).values)


def test_where_nothing_was_fine_tuned_there_is_no_other(tmp_path: Path, images: dict[str, LabelledImages]) -> None:
    embeddings = Embeddings(tmp_path / "features/features.npy")
    assert answers_of_other(tmp_path, DESCRIPTION, Head(3, 3).eval(), embeddings, images, answer) == {}
    assert calibrated(SingleLabel(list("abc")), {}, Evaluate()) == {}


def test_the_other_network_has_a_temperature_of_its_own() -> None:
    task = SingleLabel(["a", "b"])
    valid = Logits(np.array([[9, 0], [9, 0], [0, 6], [0, 3]], dtype=np.float32), np.array([0, 1, 1, 1]))
    test = Logits(np.array([[4, 2]], dtype=np.float32), np.array([0]))
    found = calibrated(task, {"valid": valid, "test": test}, Evaluate())
    temperature = decide(task, valid, Evaluate()).temperature
    assert temperature > 1.5
    np.testing.assert_allclose(found["test"], np.array([[4, 2]]) / temperature, rtol=1e-6)
    plain = calibrated(task, {"valid": valid, "test": test}, Evaluate(calibrate=False))
    np.testing.assert_array_equal(plain["test"], test.values)
