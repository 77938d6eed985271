"""The JavaScript under Node: its pixels are Python's, and so are its probabilities."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from graft.images.decode import Square
from graft.predict.predictor import Predictor
from tests.apps.serve.colours import CLASSES, colour_bundle
from tests.examples.recipe_images import CLOSE, EXACT, ROOT, SQUARES, distance, images

FOLDER = ROOT / "examples/javascript"
PIXELS = f"""
import {{ pixels }} from "{(FOLDER / "predict.mjs").as_uri()}";
import {{ writeFileSync }} from "node:fs";
const [presize, ...files] = process.argv.slice(1);
for (const file of files) writeFileSync(file + ".rgb", await pixels(file, JSON.parse(presize)));
"""

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules/onnxruntime-node").is_dir() or not (FOLDER / "node_modules/sharp").is_dir(),
        reason="run `npm install --ignore-scripts` in examples/javascript first",
    ),
]


def node(*words: str) -> str:
    done = subprocess.run(["node", *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("square", SQUARES, ids=["squash", "half", "crop", "pad"])
def test_pixels_are_those_of_python(tmp_path: Path, square: Square) -> None:
    files = images(tmp_path)
    presize = json.dumps({"size": square.size, "crop": square.crop, "padding": square.padding})
    node("--input-type=module", "--eval", PIXELS, presize, *map(str, files.values()))
    gaps = {name: distance(Path(f"{file}.rgb").read_bytes(), file, square) for name, file in files.items()}
    print(gaps)
    assert {name: gaps[name] for name in EXACT if gaps[name][1] > 1} == {}
    assert {name: gaps[name] for name in CLOSE if gaps[name][0] > 1} == {}


def test_probabilities_are_those_of_python(tmp_path: Path) -> None:
    bundle, files = colour_bundle(tmp_path / "bundle"), images(tmp_path)
    lines = node("predict.mjs", str(bundle), *map(str, files.values())).splitlines()
    rows = np.concatenate(list(Predictor(bundle).probabilities(list(files.values()))))
    for line, file, row in zip(lines, files.values(), rows, strict=True):
        said = json.loads(line)
        assert said["file"] == str(file)
        assert [said["probabilities"][name] for name in CLASSES] == pytest.approx(row.tolist(), abs=0.01)
