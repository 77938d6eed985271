"""Classify picture files with a bundle: ``python examples/python/predict.py models/export cell.png ...``.

Needs `pip install '.[predict]'` in graft's folder: numpy, Pillow and onnxruntime.
"""

import sys
from pathlib import Path

from graft.predict.predictor import Predictor


def main(bundle: str, *files: str) -> None:
    """Print what each image shows."""
    predictor = Predictor(Path(bundle))
    for file in files:
        found = predictor.predict(Path(file))
        labels = ", ".join(found.labels) or ("no class" if found.sure else "not sure")
        print(f"{file}: {labels} ({found.probability:.1%})")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
