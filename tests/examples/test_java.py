"""The Java, with the JDK alone: its pixels are Python's. The graph itself needs onnxruntime's jar."""

import shutil
import subprocess
from pathlib import Path

import pytest

from graft.images.decode import Square
from tests.examples.recipe_images import CLOSE, EXACT, ROOT, SQUARES, distance, images

FOLDER = ROOT / "examples/java"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(any(shutil.which(tool) is None for tool in ("java", "javac")), reason="no JDK is installed"),
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    command = ["javac", "-Xlint:all", "-Werror", "-d", str(folder), str(FOLDER / "Pixels.java")]
    subprocess.run(command, check=True)
    return folder


@pytest.mark.parametrize("square", SQUARES, ids=["squash", "half", "crop", "pad"])
def test_pixels_are_those_of_python(compiled: Path, tmp_path: Path, square: Square) -> None:
    gaps = {}
    how = [str(square.size), str(square.crop), *([] if square.padding is None else [str(square.padding)[1:-1]])]
    for name, file in images(tmp_path).items():
        command = ["java", "-Xshare:auto", "-cp", str(compiled), "Pixels", str(file), *how]
        done = subprocess.run(command, capture_output=True, check=True)
        gaps[name] = distance(done.stdout, file, square)
    print(gaps)
    assert {name: gaps[name] for name in EXACT if gaps[name][1] > 1} == {}
    assert {name: gaps[name] for name in CLOSE if gaps[name][0] > 1} == {}
