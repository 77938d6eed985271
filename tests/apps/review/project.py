"""What the pipeline leaves for a review: images, labels, splits, a table of suspects."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI
from PIL import Image, ImageDraw

from graft.apps.review import server as review_server
from graft.apps.review.app import create_app
from graft.apps.review.cases import Cases, Decisions, read_cases
from graft.core import tables

SECRET = "sesame"
ROOT = Path(__file__).resolve().parents[3]

IMAGES = {
    "den/wolf 1.jpg": ("dog", "train"),
    "den/wolf-2.jpg": ("cat", "test"),
    "cats/odd.png": ("cat", "valid"),
    "cats/tom.jpg": ("cat", "train"),
    "cats/tom copy.jpg": ("dog", "test"),
    "dogs/<b>rex.jpg": ("wolf", "train"),
}

REVIEW = [
    ("den/wolf 1.jpg", "label", "wolf", 0.97, ""),
    ("den/wolf-2.jpg", "label", "dog", 0.81, ""),
    ("cats/tom.jpg", "near_duplicate", "dog", 0.991234, "cats/tom copy.jpg"),
    ("cats/odd.png", "outlier", "", 0.62, ""),
]


def project(folder: Path, multi_label: bool = False) -> Path:
    """A folder in which graft has run; with `multi_label`, labels are joined by + in corrections.csv."""
    for seed, path in enumerate(IMAGES):
        file = folder / "data/raw" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        drawing(seed).save(file)
    label = [label for label, _ in IMAGES.values()]
    known = pd.DataFrame({"path": list(IMAGES), "labels" if multi_label else "label": label, "group": ""})
    if multi_label:
        known["labels"] = known["labels"].replace("dog", "cat|dog").replace("wolf", "")
    tables.write(folder / "data/labels.csv", known)
    tables.write(folder / "data/split.csv", known[["path"]].assign(split=[split for _, split in IMAGES.values()]))
    columns = ["path", "kind", "suggested", "score", "other"]
    review = pd.DataFrame(REVIEW, columns=columns).assign(rank=range(1, 5), label="", split="")
    (folder / "reports/report").mkdir(parents=True)
    tables.write(folder / "reports/report/review.csv", review)
    (folder / "corrections.csv").write_text('path,label,note\nz.jpg,drop,"blurred, dark"\n')
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return folder


def drawing(seed: int) -> Image.Image:
    """An image that a person can tell from the others."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(60, 220, (3, 4, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((1600 if seed == 0 else 480, 360), Image.Resampling.BICUBIC)
    ImageDraw.Draw(image).ellipse((140, 80, 340, 280), fill=(20 * seed, 90, 160))
    return image


def cases(folder: Path) -> Cases:
    names = ("reports/report/review.csv", "data/labels.csv", "data/split.csv")
    return read_cases(*(folder / name for name in names))


def decisions(folder: Path, separator: str | None = None) -> Decisions:
    return Decisions(cases(folder), separator, folder / "corrections.csv", folder / ".graft/reviewed.csv")


def app(folder: Path, separator: str | None = None) -> FastAPI:
    made = decisions(folder, separator)
    return create_app(made.cases, made, folder / "data/raw", SECRET)


@contextmanager
def serving(made: FastAPI) -> Iterator[str]:
    """Serve an app on this machine; yields the address that lets in."""
    with review_server.listen(0) as listener:
        listener.listen()  # who asks before the server runs waits for it
        server = uvicorn.Server(uvicorn.Config(made, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/?token={SECRET}"
        finally:
            server.should_exit = True
            thread.join()
