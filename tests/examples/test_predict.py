"""The example that uses a bundle from Python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.apps.serve.colours import colour_bundle
from tests.apps.serve.colours import image_bytes as image
from tests.examples.recipe_images import ROOT


def said(bundle: Path, *colours: str) -> list[str]:
    """What the example prints of pictures of some colours, without their folder."""
    files = [bundle / f"{colour}.png" for colour in colours]
    for file in files:
        file.write_bytes(image(file.stem))
    command = [sys.executable, "examples/python/predict.py", str(bundle), *map(str, files)]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line.removeprefix(f"{bundle}/") for line in done.stdout.splitlines()]


def test_the_example_names_the_class_of_each_image(tmp_path: Path) -> None:
    assert said(colour_bundle(tmp_path), "blue", "green") == ["blue.png: blue (99.3%)", "green.png: green (99.3%)"]


@pytest.mark.slow
@pytest.mark.parametrize(("several", "verdict"), [(False, "not sure (33.3%)"), (True, "no class (45.6%)")])
def test_where_no_class_holds_it_says_so(tmp_path: Path, several: bool, verdict: str) -> None:
    bundle = colour_bundle(tmp_path, multi_label=several)
    facts = json.loads((bundle / "graft.json").read_text()) | {"abstain_below": 0.5}
    (bundle / "graft.json").write_text(json.dumps(facts))
    assert said(bundle, "grey") == [f"grey.png: {verdict}"]
