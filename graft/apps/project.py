"""A project as Python sees it: what the pipeline left, as tables, arrays, a network and images, for notebooks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from graft.core import params, tables
from graft.core.errors import DataError, nearest
from graft.data.arrays import Embeddings
from graft.data.dataset import Dataset, read_dataset

if TYPE_CHECKING:
    from PIL import Image

    from graft.network.network import Network
    from graft.predict import Predictor


class Project:
    """A folder in which graft has run; nothing is read before it is asked for, and nothing is written.

    Tables have one row an image and its path, as in images.csv, as their index. Each attribute reads the files anew,
    so that it shows the last run.

    Args:
        folder: the one of params.yaml.

    Raises:
        DataError: it is no project; or, of every attribute, the stage that writes it has not run.
    """

    def __init__(self, folder: str | Path = ".") -> None:
        self.folder = Path(folder)
        if not (self.folder / "params.yaml").is_file():
            raise DataError(
                f"{self.folder} holds no params.yaml, so it is no project of graft; `graft new DIR` makes one"
            )

    def __repr__(self) -> str:
        return f"graft.Project({str(self.folder)!r})"

    @property
    def params(self) -> dict[str, Any]:
        """What params.yaml says, by section."""
        return params.load(self.folder / "params.yaml")

    @property
    def images(self) -> pd.DataFrame:
        """All images that can be used: checksum, size, metadata, duplicate group."""
        return self._table("data/images.csv", "index")

    @property
    def labels(self) -> pd.DataFrame:
        """Label or labels, group and slices of every labelled image."""
        return self._table("data/labels.csv", "index")

    @property
    def split(self) -> pd.Series:
        """The split of every labelled image: train, valid, test or excluded."""
        return self._table("data/split.csv", "split")["split"]

    @property
    def dataset(self) -> Dataset:
        """Labels and splits joined, with the classes in the order of the network's logits."""
        return read_dataset(self._file("data/labels.csv", "index"), self._file("data/split.csv", "split"))

    @property
    def embeddings(self) -> pd.DataFrame:
        """What the pretrained network makes of every image, labelled or not: a column a feature, float32."""
        stored = Embeddings(self._file("data/embeddings/features.npy", "embed"))
        return pd.DataFrame(stored.array[:, 0], index=pd.Index(stored.paths, name="path"))

    @property
    def network(self) -> "Network":
        """The network that was handed on, a module of torch: images `[B, 3, H, W]` in [0, 1] to logits `[B, K]`."""
        from graft.network.network import load  # late: tables need no torch

        self._file("models/finetuned/model.safetensors", "finetune")
        return load(self.folder / "models/finetuned")[0]

    @property
    def predictor(self) -> "Predictor":
        """The exported classifier, as `graft predict` runs it."""
        from graft.predict import Predictor  # late, as above

        self._file("models/export/graft.json", "export")
        return Predictor(self.folder / "models/export")

    @property
    def predictions(self) -> pd.DataFrame:
        """Every test image: label, what is predicted, loss in nats, the probability `p_` of each class."""
        table = self._table("reports/evaluate/predictions.csv", "evaluate")
        return table.astype({name: float for name in table if name == "loss" or str(name).startswith("p_")})

    @property
    def metrics(self) -> pd.DataFrame:
        """All figures on test with their 95 % intervals, by name: of what was handed on, the head, the fine-tuned."""
        table = tables.read(self._file("reports/evaluate/figures.csv", "evaluate")).set_index("figure")
        numbers = table.drop(columns="meaning").apply(pd.to_numeric)
        return table[["meaning"]].join(numbers)

    @property
    def classes(self) -> pd.DataFrame:
        """Precision, recall and other figures of every class on test, and its number of images."""
        table = tables.read(self._file("reports/evaluate/classes.csv", "evaluate")).set_index("class")
        numbers: pd.DataFrame = table.apply(pd.to_numeric)
        return numbers

    @property
    def figures(self) -> dict[str, Path]:
        """The images that stages and commands drew, by name, such as ``report/confusion`` or ``lr-find/head``."""
        reports = self.folder / "reports"
        return {file.relative_to(reports).with_suffix("").as_posix(): file for file in sorted(reports.rglob("*.png"))}

    def figure(self, name: str) -> "Image.Image":
        """Open one of `figures`; at the end of a notebook's cell it is shown.

        Raises:
            DataError: there is none of that name.
        """
        from PIL import Image  # late, as above

        found = self.figures
        if name not in found:
            known = ", ".join(found) or "none: run `dvc repro`"
            raise DataError(f"there is no figure {name!r}{nearest(name, found)}; there are {known}")
        with Image.open(found[name]) as image:
            image.load()
            return image

    def _file(self, name: str, stage: str) -> Path:
        if not (self.folder / name).is_file():
            raise DataError(f"{self.folder / name} is absent; run `dvc repro {stage}`")
        return self.folder / name

    def _table(self, name: str, stage: str) -> pd.DataFrame:
        return tables.read(self._file(name, stage)).set_index("path")
