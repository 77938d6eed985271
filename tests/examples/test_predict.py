import subprocess
import sys
from pathlib import Path

from tests.examples.made import ROOT
from tests.serve.made import colour_bundle, picture


def test_the_example_names_the_class_of_each_picture(tmp_path: Path) -> None:
    bundle = colour_bundle(tmp_path / "bundle")
    files = []
    for colour in ("blue", "green"):
        files.append(tmp_path / f"{colour}.png")
        files[-1].write_bytes(picture(colour))
    command = [sys.executable, "examples/python/predict.py", str(bundle), *map(str, files)]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{file}: {file.stem} (99.3%)" for file in files]
