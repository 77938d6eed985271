"""The fastai side of a comparison, run from the project's root by the Python of ``.venv-fastai``.

``python -m benchmarks.fastai_side --pictures FOLDER --table CSV --weights FILE --epochs N --seed S --out JSON``
trains by fastai's own recipe on the pictures that the table's column `split` calls train and valid,
and predicts those it calls test.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from graft.backbone.torchvision_models import declare_missing

BACKBONE = "tf_efficientnet_lite0"
BATCH = 64
"""fastai's own default."""
RATE = 3e-3


def loaders(table: Any, images: Path, workers: int) -> Any:
    """Train and valid pictures, resized to 460, then varied, cut to 224 and normalised in batches.

    Source: the recipe of fastai's documentation, "Resize(460)" and "aug_transforms(size=224, min_scale=0.75)".
    """
    from fastai.vision import all as vision

    table = table[table["split"] != "test"].reset_index(drop=True)
    block = vision.DataBlock(
        blocks=(vision.ImageBlock, vision.CategoryBlock),
        get_x=vision.ColReader("path", pref=f"{images}/"),
        get_y=vision.ColReader("label"),
        splitter=vision.IndexSplitter(table.index[table["split"] == "valid"]),
        item_tfms=vision.Resize(460),
        batch_tfms=vision.aug_transforms(size=224, min_scale=0.75),
    )
    return block.dataloaders(table, bs=BATCH, num_workers=workers)


def learner(found: Any, weights: Path) -> Any:
    """The pretrained network under fastai's head; it adds the normalisation that timm names for it."""
    from fastai.vision import all as vision

    return vision.vision_learner(
        found, BACKBONE, metrics=vision.accuracy, pretrained_cfg_overlay={"file": str(weights)}
    )


def main() -> None:
    """Train, say when that was done, predict."""
    parser = argparse.ArgumentParser()
    for name in ("images", "table", "weights", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("epochs", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--half", type=int, default=0, help="1: fastai's mixed precision")
    words = parser.parse_args()
    declare_missing()

    import fastai
    import pandas as pd
    from fastai.vision import all as vision

    table = pd.read_csv(words.table)
    vision.set_seed(words.seed)
    found = loaders(table, words.images, words.workers)
    learn = learner(found, words.weights)
    learn = learn.to_fp16() if words.half else learn
    with learn.no_bar():
        learn.fine_tune(words.epochs, RATE)
        # the system's clock since start-up, so that whoever started this process can take the difference
        trained = time.monotonic()
        valid = float(learn.recorder.values[-1][-1])
        test = table[table["split"] == "test"].reset_index(drop=True)
        probabilities, _ = learn.get_preds(dl=found.test_dl(test))
    predicted = [found.vocab[place] for place in probabilities.argmax(1).tolist()]
    right = [said == label for said, label in zip(predicted, test["label"], strict=True)]
    words.out.write_text(
        json.dumps(
            {
                "trained_at": trained,
                "predicted_at": time.monotonic(),
                "fastai_version": fastai.__version__,
                "accuracy": sum(right) / len(right),
                "valid_accuracy": valid,
                "predictions": dict(zip(test["path"], predicted, strict=True)),
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
