"""``graft keep``: put the last network aside, for a training to go on from."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from graft.apps.use.presets import write_values
from graft.core.errors import DataError
from graft.core.files import new_folder
from graft.data.raw import fingerprint
from graft.finetune.previous import PREVIOUS, obstacles
from graft.network.head import describe

FINETUNED, SPLIT = Path("models/finetuned"), Path("data/split.csv")


def keep(params: Path) -> Iterator[str]:
    """Copy the last network and its split to models/previous, and have params.yaml begin from it; yield what was done.

    Raises:
        DataError: no network was trained yet, or none goes on from it.
    """
    files = [FINETUNED / "model.safetensors", FINETUNED / "network.json", SPLIT]
    for file in files:
        if not file.is_file():
            raise DataError(f"{file} is absent, so there is no network to keep: run `dvc repro`, or `dvc checkout`")
    for obstacle in obstacles(describe(FINETUNED)):
        raise DataError(f"{FINETUNED}: {obstacle}; then run `dvc repro`")
    with new_folder(PREVIOUS) as folder:
        for file in files:
            shutil.copyfile(file, folder / file.name)
    digest = fingerprint(PREVIOUS)
    yield f"{FINETUNED} is kept in {PREVIOUS}, digest {digest[:12]}"
    yield from write_values({"finetune": {"init": "previous", "previous": digest}}, params)
