"""Classify picture files with a bundle: ``python examples/python/predict.py models/export cell.png ...``.

Needs `pip install '.[predict]'` in graft's folder: numpy, Pillow and onnxruntime.
"""

import sys
from pathlib import Path

from graft.predict.predictor import Predictor


def main(bundle: str, *pictures: str) -> None:
    """Print each picture's most probable class."""
    predictor = Predictor(Path(bundle))
    for picture in pictures:
        found = predictor.predict(Path(picture))
        print(f"{picture}: {found.label} ({found.probability:.1%})")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
