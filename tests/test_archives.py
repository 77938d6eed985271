"""The presets' rules on the real archives, where those lie beside the project."""

from pathlib import Path

import pandas as pd
import pytest

from graft.apps.use.autodetect import detect_layout
from graft.core import params
from graft.labels.corrections import COLUMNS, Corrections
from graft.labels.rules import Labels, apply_rule
from graft.source.dataset import open_source
from graft.split.assign import assign
from graft.split.config import Split

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


@pytest.mark.real
@pytest.mark.parametrize(
    ("preset", "archive", "classes", "splits"),
    [
        ("doraemon-walle", "doraemon-walle", {"doraemon": 160, "walle": 158}, {"train": 279, "valid": 33, "test": 6}),
        ("dogs-vs-cats", "dogs-vs-cats-800", {"cat": 400, "dog": 400}, {"train": 512, "valid": 128, "test": 160}),
        (
            "dogs-vs-cats-alexnet",
            "dogs-vs-cats-800",
            {"cat": 400, "dog": 400},
            {"train": 512, "valid": 128, "test": 160},
        ),
        ("face-masks", "masks-300", {"with_mask": 150, "without_mask": 150}, {"train": 192, "valid": 48, "test": 60}),
    ],
)
def test_a_preset_reads_its_archive_as_a_look_at_it_would(
    preset: str, archive: str, classes: dict[str, int], splits: dict[str, int], tmp_path: Path
) -> None:
    file = DATA / f"{archive}.zip"
    if not file.is_file():
        pytest.skip(f"{file.name} does not lie in {DATA.name} beside the project")
    values = params.parse_yaml((ROOT / "presets" / f"{preset}.yaml").read_text())
    labels: Labels = params.check("labels", Labels, values["labels"])
    split: Split = params.check("split", Split, values["split"])
    none = Corrections(pd.DataFrame(columns=COLUMNS, dtype=str), "none")
    with open_source(str(file), tmp_path) as opened:
        layout = detect_layout(opened.folder)
        labelled = apply_rule(labels, opened.folder, layout.images, none)
    assert layout.rule.classes == classes
    assert labelled.rows["label"].value_counts().to_dict() == classes
    images = pd.DataFrame({"sha256": labelled.rows["path"], "duplicate_group": labelled.rows["path"]})
    assert assign(split, labelled.rows, images)["split"].value_counts().to_dict() == splits
    assert layout.split["by"] == split.by
