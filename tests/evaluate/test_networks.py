"""Both networks answer, of test, of valid, and of images to calibrate by that they did not learn from."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graft.data.arrays import Embeddings, ImageRows
from graft.data.dataset import Dataset, LabelledImages
from graft.evaluate.config import Evaluate
from graft.evaluate.decision import Logits, decide, logits_of
from graft.evaluate.networks import Answers, StoredHead, answers_of_kept, answers_of_other
from graft.heads.cross_validate import OUT_OF_FOLD
from graft.network.head import REFIT, Head, save
from graft.network.network import BEFORE_REFIT, NOT_KEPT, Network
from graft.tasks import SingleLabel
from tests.export.tiny_bundle import DESCRIPTION, network

TRAINED = DESCRIPTION.model_copy(update={"finetuned": True})
REFITTED = DESCRIPTION.model_copy(update={"refit": True})
TASK = SingleLabel(["a", "b", "c"])
SPLITS = ["valid", "test", "test", "valid", "test", "train"]
LABELS = list("acbbac")
FEATURES = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


@pytest.fixture
def images(tmp_path: Path) -> dict[str, LabelledImages]:
    """Six images, two of valid and three of test."""
    np.save(tmp_path / "pixels.npy", np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8))
    (tmp_path / "rows.csv").write_text("path\n" + "".join(f"{place}.png\n" for place in range(6)))
    pixels = ImageRows(tmp_path / "pixels.npy")
    return {
        "valid": LabelledImages(pixels, np.array([0, 3]), np.array([0, 1])),
        "test": LabelledImages(pixels, np.array([1, 2, 4]), np.array([2, 1, 0])),
    }


@pytest.fixture
def head(tmp_path: Path, images: dict[str, LabelledImages]) -> StoredHead:
    """A head beside features that no network computes."""
    np.save(tmp_path / "features.npy", FEATURES[:, None])
    rows = pd.DataFrame({"path": [f"{n}.png" for n in range(6)], "label": LABELS, "group": "", "split": SPLITS})
    (tmp_path / "head").mkdir()
    save(tmp_path / "head", Head(3, 3).eval(), DESCRIPTION)
    return StoredHead(tmp_path / "head", Embeddings(tmp_path / "features.npy"), Dataset(rows, list("abc")), TASK)


def refit(head: StoredHead) -> Head:
    """Add a refitted head and answers out of fold, in which the last image of train could not be learnt."""
    again = Head(3, 3).eval()
    (head.folder / REFIT).mkdir()
    save(head.folder / REFIT, again, REFITTED)
    answers = np.array([[3, 0, 0], [0, 2, 0], [1, 1, np.nan]], dtype=np.float32)
    np.save(head.folder / OUT_OF_FOLD, answers)
    return again


def answer(network: Network, some: LabelledImages) -> Logits:
    return logits_of(network, some, 32, "fp32")


def answers_by_hand(head: Head, rows: list[int]) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(head(torch.from_numpy(FEATURES[rows])))


def test_the_head_answers_by_its_stored_features(
    tmp_path: Path, head: StoredHead, images: dict[str, LabelledImages]
) -> None:
    fitted = Head(3, 3).eval()
    save(head.folder, fitted, DESCRIPTION)
    found = answers_of_other(tmp_path, TRAINED, head, images, answer)
    assert found
    np.testing.assert_allclose(found.splits["test"].values, answers_by_hand(fitted, [1, 2, 4]), rtol=1e-5, atol=1e-6)
    assert found.splits["test"].targets.tolist() == [2, 1, 0]
    np.testing.assert_array_equal(found.unseen.values, found.splits["valid"].values)
    assert len(found.unseen.values) == 2


def test_a_refitted_head_answers_of_test_and_is_calibrated_out_of_fold(
    tmp_path: Path, head: StoredHead, images: dict[str, LabelledImages]
) -> None:
    again = refit(head)
    found = answers_of_other(tmp_path, TRAINED, head, images, answer)
    assert found
    np.testing.assert_allclose(found.splits["test"].values, answers_by_hand(again, [1, 2, 4]), rtol=1e-5, atol=1e-6)
    assert np.abs(found.splits["valid"].values - answers_by_hand(again, [0, 3])).max() > 1e-3
    assert found.unseen.values.tolist() == [[3, 0, 0], [0, 2, 0]]
    assert found.unseen.targets.tolist() == [0, 1]


def test_a_refitted_network_is_never_asked_of_valid(head: StoredHead, images: dict[str, LabelledImages]) -> None:
    refit(head)
    whole = network()
    found = answers_of_kept(head.folder, whole, REFITTED, head, images, answer)
    np.testing.assert_array_equal(found.splits["test"].values, answer(whole, images["test"]).values)
    np.testing.assert_array_equal(found.splits["valid"].values, head.split("valid").values)
    assert len(found.unseen.values) == 2


def test_a_fine_tuned_network_that_learnt_valid_is_calibrated_by_the_one_before(
    tmp_path: Path, head: StoredHead, images: dict[str, LabelledImages]
) -> None:
    whole, before = network(), network()
    before.head.linear.weight.data.mul_(2)  # type: ignore[union-attr]
    (tmp_path / BEFORE_REFIT).mkdir()
    save(tmp_path / BEFORE_REFIT, before, TRAINED)
    found = answers_of_kept(tmp_path, whole, TRAINED.model_copy(update={"refit": True}), head, images, answer)
    np.testing.assert_array_equal(found.splits["test"].values, answer(whole, images["test"]).values)
    np.testing.assert_array_equal(found.unseen.values, answer(before, images["valid"]).values)


def test_another_network_that_is_kept_is_calibrated_on_valid(
    head: StoredHead, images: dict[str, LabelledImages]
) -> None:
    found = answers_of_kept(head.folder, network(), TRAINED, head, images, answer)
    np.testing.assert_array_equal(found.unseen.values, answer(network(), images["valid"]).values)


def test_a_fine_tuned_network_that_is_not_kept_answers_by_itself(
    tmp_path: Path, head: StoredHead, images: dict[str, LabelledImages]
) -> None:
    tuned = network()
    (tmp_path / NOT_KEPT).mkdir()
    save(tmp_path / NOT_KEPT, tuned, TRAINED)
    found = answers_of_other(tmp_path, DESCRIPTION, head, images, answer)
    assert found
    np.testing.assert_array_equal(found.splits["test"].values, answer(tuned, images["test"]).values)


def test_where_nothing_was_fine_tuned_there_is_no_other(
    tmp_path: Path, head: StoredHead, images: dict[str, LabelledImages]
) -> None:
    assert answers_of_other(tmp_path, DESCRIPTION, head, images, answer) is None


def test_a_network_has_a_temperature_of_its_own() -> None:
    task = SingleLabel(["a", "b"])
    unseen = Logits(np.array([[9, 0], [9, 0], [0, 6], [0, 3]], dtype=np.float32), np.array([0, 1, 1, 1]))
    answers = Answers({"test": Logits(np.array([[4, 2]], dtype=np.float32), np.array([0]))}, unseen)
    temperature = decide(task, unseen, Evaluate()).temperature
    assert temperature > 1.5
    found = answers.calibrated(task, Evaluate())
    np.testing.assert_allclose(found["test"], np.array([[4, 2]]) / temperature, rtol=1e-6)
    plain = answers.calibrated(task, Evaluate(calibrate=False))
    np.testing.assert_array_equal(plain["test"], answers.splits["test"].values)
