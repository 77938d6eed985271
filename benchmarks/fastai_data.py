"""Seconds that fastai's training loader takes for a pass, run by the Python of ``.venv-fastai``.

``python -m benchmarks.fastai_data --pictures FOLDER --table CSV --workers N --passes N --out JSON``;
a pass before the first is not timed. What comes out is what the network would get: batches of
pictures varied, cut to 224 and normalised.
"""

import argparse
import json
import time
from pathlib import Path

from benchmarks.fastai_side import loaders
from graft.backbone.torchvision_models import declare_missing


def main() -> None:
    """Go through the training pictures some times."""
    parser = argparse.ArgumentParser()
    for name in ("images", "table", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("workers", "passes"):
        parser.add_argument(f"--{name}", type=int, required=True)
    words = parser.parse_args()
    declare_missing()

    import pandas as pd
    from fastai.vision import all as vision

    found = loaders(pd.read_csv(words.table), words.images, words.workers)
    # what vision_learner adds for this backbone
    found.add_tfms([vision.Normalize.from_stats([0.5] * 3, [0.5] * 3)], "after_batch")
    rates = []
    for number in range(words.passes + 1):
        began, images = time.perf_counter(), 0
        for views, _ in found.train:
            assert tuple(views.shape[1:]) == (3, 224, 224)
            images += len(views)
        if number:
            rates.append(images / (time.perf_counter() - began))
    words.out.write_text(json.dumps(rates))


if __name__ == "__main__":
    main()
