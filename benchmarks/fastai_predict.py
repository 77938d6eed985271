"""fastai's half of ``python -m benchmarks.predict``, run by the Python of ``.venv-fastai``.

``--do prepare`` writes a learner as `Learner.export` does: fastai's recipe over the pretrained weights,
its head as it was drawn, for the time of an answer does not depend on it. ``batch`` and ``single`` load
it and say how long answers take, ``cold`` gives one answer and nothing else.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.fastai_side import BATCH, learner
from graft.backbone.torchvision_models import declare_missing

WARM = 8
"""Pictures that are answered before any is timed."""


def prepare(folder: Path, weights: Path, exported: Path) -> None:
    """Write the learner; the class of a picture is in its name."""
    from fastai.vision import all as vision

    block = vision.DataBlock(
        blocks=(vision.ImageBlock, vision.CategoryBlock),
        get_items=vision.get_image_files,
        get_y=vision.using_attr(vision.RegexLabeller(r"^(cat|dog)"), "name"),
        splitter=vision.RandomSplitter(seed=0),
        item_tfms=vision.Resize(460),
        batch_tfms=vision.aug_transforms(size=224, min_scale=0.75),
    )
    learner(block.dataloaders(folder, bs=BATCH, num_workers=0), weights).export(exported)


def batch(learn: Any, files: list[Path], workers: int, rounds: int) -> list[float]:
    """Pictures a second of some passes of `get_preds`, as its documentation predicts many files."""
    rates = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        probabilities, _ = learn.get_preds(dl=learn.dls.test_dl(files, bs=BATCH, num_workers=workers))
        assert len(probabilities) == len(files)
        if number:
            rates.append(len(files) / (time.perf_counter() - began))
    return rates


def single(learn: Any, files: list[Path]) -> list[float]:
    """Seconds of each call of `predict`."""
    times = []
    for number, file in enumerate(files[:WARM] + files):
        began = time.perf_counter()
        learn.predict(file)
        if number >= WARM:
            times.append(time.perf_counter() - began)
    return times


def main() -> None:
    """Do one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--do", choices=["prepare", "batch", "single", "cold"], required=True)
    parser.add_argument("--learner", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="folder; of `cold` the one file")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--count", type=int, default=0)
    for name in ("workers", "rounds"):
        parser.add_argument(f"--{name}", type=int, default=1 if name == "rounds" else 0)
    words = parser.parse_args()
    warnings.simplefilter("ignore")  # that a learner is a pickle
    declare_missing()

    import fastai
    from fastai.vision import all as vision

    if words.do == "prepare":
        prepare(words.images, words.weights, words.learner)
        print(json.dumps({"fastai": fastai.__version__}))
        return
    learn = vision.load_learner(words.learner)
    with learn.no_bar(), learn.no_logging():
        if words.do == "cold":
            print(learn.predict(words.images)[0], flush=True)
            return
        files = sorted(words.images.glob("*.jpg"))[: words.count]
        said = batch(learn, files, words.workers, words.rounds) if words.do == "batch" else single(learn, files)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
