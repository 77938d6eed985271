"""The predictor: one image, many, and a stream of them, however each is given."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, StringIO
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graft.core.errors import BundleError, SourceError
from graft.core.parallel import AHEAD
from graft.images.decode import Square, UnreadableError
from graft.predict import Failure, Prediction, Predictor
from graft.predict.predictor import BATCH, Source, name_of, pixels_of
from tests.predict.tiny_bundle import CLASSES, SIZE, paint, probabilities, write_bundle

COLOURS = {"red": (200, 50, 50), "green": (40, 160, 90), "blue": (10, 20, 130)}


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """A few dozen pictures, their colours in turn, with names that sort otherwise."""
    names = list(COLOURS)
    return [
        paint(tmp_path / f"{97 * number % 40:02} ü {names[number % 3]}.png", *COLOURS[names[number % 3]])
        for number in range(40)
    ]


def test_one_image(bundle: Path, tmp_path: Path) -> None:
    path = paint(tmp_path / "a.png", 200, 50, 50)
    found = Predictor(bundle).predict(path)
    assert (found.label, found.labels, found.sure, found.source) == ("red", ("red",), True, str(path))
    assert list(found.probabilities) == CLASSES
    np.testing.assert_allclose(list(found.probabilities.values()), probabilities(200, 50, 50), atol=1e-6)
    assert found.probability == found.probabilities["red"]


def test_it_is_the_model_over_the_pixels_of_the_cache(bundle: Path, images: list[Path]) -> None:
    predictor = Predictor(str(bundle))
    expected = predictor.run(np.stack([Square(SIZE).read(path) for path in images]))
    one_by_one = [list(predictor.predict(path).probabilities.values()) for path in images]
    found = predictor.predict_many(images)
    many = [list(result.probabilities.values()) for result in found if isinstance(result, Prediction)]
    np.testing.assert_allclose(one_by_one, expected, atol=1e-7)
    np.testing.assert_allclose(many, expected, atol=1e-7)
    batches = list(predictor.probabilities(images))
    assert [len(batch) for batch in batches] == [BATCH] * (40 // BATCH)
    np.testing.assert_allclose(np.concatenate(batches), expected, atol=1e-7)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_order_is_kept(bundle: Path, images: list[Path], threads: int, batch: int) -> None:
    found = list(Predictor(bundle, threads=threads).predict_many(iter(images), batch=batch))
    assert [result.source for result in found] == [str(path) for path in images]
    assert [result.label for result in found if isinstance(result, Prediction)] == [
        path.stem.split()[-1] for path in images
    ]


def test_a_bad_image_is_a_result_and_the_rest_goes_on(bundle: Path, tmp_path: Path) -> None:
    good = paint(tmp_path / "good.png", *COLOURS["blue"])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    whole = BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:-500])
    names = ["good.png", "empty.jpg", "good.png", "folder.jpg", "cut.jpg", "gone.jpg", "good.png"]
    found = list(Predictor(bundle).predict_many([tmp_path / name for name in names], batch=3))
    assert [isinstance(result, Failure) for result in found] == [name != "good.png" for name in names]
    errors = [result.error for result in found if isinstance(result, Failure)]
    assert errors[0].startswith("not a picture in a format that is read")
    assert errors[1] == "IsADirectoryError: [Errno 21] Is a directory: 'folder.jpg'"
    assert errors[2].startswith("OSError: image file is truncated")
    assert errors[3] == "there is no such file"
    assert found[0] == found[2] == found[6]
    with pytest.raises(UnreadableError, match="not a picture"):
        Predictor(bundle).predict(tmp_path / "empty.jpg")
    with pytest.raises(UnreadableError, match="truncated"):
        list(Predictor(bundle).probabilities([good, tmp_path / "cut.jpg"]))


def test_a_batch_of_bad_images_alone(bundle: Path) -> None:
    assert [type(result) for result in Predictor(bundle).predict_many([b"a", b"b"])] == [Failure, Failure]
    assert list(Predictor(bundle).predict_many([])) == []
    assert list(Predictor(bundle).probabilities([])) == []


@pytest.mark.slow
def test_a_stream_needs_no_more_memory_than_a_few_batches(bundle: Path, tmp_path: Path) -> None:
    path = paint(tmp_path / "a.png", *COLOURS["green"])
    threads = 2
    predictor = Predictor(bundle, threads=threads)
    list(predictor.predict_many(repeat(path, 50)))  # what is made once
    taken = given = ahead = 0

    def stream() -> Iterator[Path]:
        nonlocal taken
        for _ in range(3000):
            taken += 1
            yield path

    tracemalloc.start()
    for result in predictor.predict_many(stream()):
        assert isinstance(result, Prediction)
        given += 1
        ahead = max(ahead, taken - given)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert given == 3000
    assert ahead <= BATCH * (AHEAD * threads + 1)
    assert peak < 4 * 2**20


def test_threads_share_a_predictor(bundle: Path, images: list[Path]) -> None:
    predictor = Predictor(bundle)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda path: predictor.predict(path).label, images * 3))
    assert found == [path.stem.split()[-1] for path in images] * 3


def test_a_threshold_in_place_of_the_bundles(bundle: Path, several: Path, tmp_path: Path) -> None:
    path = paint(tmp_path / "a.png", *COLOURS["red"])
    found = Predictor(bundle, threshold=1.0).predict(path)
    assert (found.label, found.sure) == (None, False)
    assert Predictor(bundle, threshold=0.5).predict(path).label == "red"
    assert Predictor(several).predict(path).labels == ("red",)
    assert Predictor(several, threshold=0.0).predict(path).labels == tuple(CLASSES)
    with pytest.raises(BundleError, match="threshold: must be a number from 0 to 1; got 2"):
        Predictor(bundle, threshold=2)


def test_the_limit_of_the_bundle(tmp_path: Path) -> None:
    predictor = Predictor(write_bundle(tmp_path / "bundle", abstain_below=0.9))
    assert predictor.abstain_below == 0.9
    grey = Image.new("RGB", (9, 9), (128, 128, 128))
    assert [predictor.predict(grey).label, predictor.predict(grey).sure] == [None, False]
    assert predictor.predict(Image.new("RGB", (9, 9), (0, 255, 0))).label == "green"


def test_precision(tmp_path: Path) -> None:
    models = {"float": "model.onnx", "int8": "model.int8.onnx"}
    folder = write_bundle(tmp_path / "bundle", models=models)
    other = write_bundle(tmp_path / "other", "Sigmoid")
    (folder / "model.int8.onnx").write_bytes((other / "model.onnx").read_bytes())
    grey = Image.new("RGB", (9, 9), (128, 128, 128))
    assert Predictor(folder).predict(grey).probability == pytest.approx(1 / 3)
    assert Predictor(folder, precision="int8").predict(grey).probability == pytest.approx(1 / 2)


def test_arguments_are_checked(bundle: Path) -> None:
    with pytest.raises(BundleError, match="threads: must be 1 or more; got 0"):
        Predictor(bundle, threads=0)
    with pytest.raises(BundleError, match="has no precision 'fp16'"):
        Predictor(bundle, precision="fp16")


def test_importing_it_is_light() -> None:
    code = "import sys, graft.predict; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"numpy", "PIL"} <= loaded
    assert not loaded & {"torch", "onnxruntime", "pandas", "pydantic", "scipy", "tqdm", "typer", "yaml", "fsspec"}


SQUARE = Square(SIZE, crop=0.5)


def test_values_of_more_than_eight_bits_are_scaled_as_the_bundle_says(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", presize={"size": SIZE, "depth": {"integers": [0, 4095]}})
    Image.fromarray(np.full((9, 9), 2048, dtype=np.uint16)).save(tmp_path / "grey.png")
    predictor = Predictor(bundle)
    for source in (tmp_path / "grey.png", (tmp_path / "grey.png").read_bytes(), Image.open(tmp_path / "grey.png")):
        assert np.unique(predictor.pixels(source)).tolist() == [128]


def gradient(width: int = 20, height: int = 14) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return Image.fromarray(values)


def turned(mode: str) -> tuple[Image.Image, dict[str, Any]]:
    """A picture of a mode, and how to save it so that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = gradient()
    if mode == "I;16":
        wide = np.asarray(image.convert("L")).astype(np.uint16) * 257
        return Image.fromarray(wide), {"exif": exif}
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(np.arange(20 * 14, dtype=np.uint16).astype(np.uint8).reshape(14, 20)))
    return image.convert(mode), {"exif": exif}


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [(mode, "png") for mode in ("RGB", "L", "LA", "RGBA", "P", "1", "I;16")] + [("CMYK", "jpg"), ("RGB", "jpg")],
)
def test_path_content_and_open_file_give_the_pixels_of_the_cache(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    image, saved = turned(mode)
    image.save(path, **saved)
    expected = SQUARE.read(path)
    assert expected.shape == (SIZE, SIZE, 3)
    with path.open("rb") as file:
        sources: list[Source] = [path, str(path), path.read_bytes(), BytesIO(path.read_bytes()), file]
        for source in sources:
            np.testing.assert_array_equal(pixels_of(source, SQUARE), expected)
    with Image.open(path) as opened:
        before = opened.size
        np.testing.assert_array_equal(pixels_of(opened, SQUARE), expected)
        assert opened.size == before  # the caller's picture stays as it is


def test_an_image_in_memory_needs_no_file(tmp_path: Path) -> None:
    image = gradient()
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels_of(image, SQUARE), pixels_of(tmp_path / "a.png", SQUARE))


class Broken:
    name = "camera"

    def read(self) -> bytes:
        raise SourceError("the lens\nis shut")


class Silent:
    def read(self) -> bytes:
        raise TimeoutError("too long")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Broken(), "the lens is shut"),
        (Silent(), "TimeoutError: too long"),
        (b"", "not a picture in a format that is read"),
        (b"no picture", "not a picture in a format that is read"),
        (Path("gone.png"), "there is no such file"),
        ("https://example.org/a.png", "is an address, and a predictor reads files: give what lies there, as bytes"),
        ("file:///a.png", "is an address; give the path itself, without file://"),
    ],
)
def test_what_cannot_be_read_says_why_in_one_line(source: Source, message: str) -> None:
    with pytest.raises(UnreadableError, match=message) as error:
        pixels_of(source, SQUARE)
    assert "\n" not in str(error.value)


def test_a_truncated_image_that_is_open_says_so(tmp_path: Path) -> None:
    gradient(200, 200).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    with Image.open(BytesIO(content[:-2000])) as image, pytest.raises(UnreadableError, match="truncated"):
        pixels_of(image, SQUARE)


def test_content_may_lie_in_any_kind_of_bytes(tmp_path: Path) -> None:
    gradient().save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    expected = pixels_of(content, SQUARE)
    for source in (bytearray(content), memoryview(content)):
        np.testing.assert_array_equal(pixels_of(source, SQUARE), expected)


def test_an_array_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError, match=r"^ndarray: a picture is .* such as Image.fromarray\(array\)$"):
        pixels_of(np.zeros((4, 4, 3), dtype=np.uint8), SQUARE)  # type: ignore[arg-type]


def test_text_in_place_of_bytes_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError):
        pixels_of(StringIO("text"), SQUARE)  # type: ignore[arg-type]


def test_names(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    gradient().save(path)
    with path.open("rb") as file:
        assert name_of(file) == str(path)
    assert name_of("./a b.png") == "./a b.png"
    assert name_of(path) == str(path)
    assert [name_of(source) for source in (b"", BytesIO(), gradient())] == ["", "", ""]
