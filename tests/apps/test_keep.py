"""The last network is copied where DVC deletes nothing, and params.yaml names exactly that copy."""

from pathlib import Path

import pytest

from graft.apps.keep import keep
from graft.core.errors import DataError
from graft.core.files import write_json
from graft.core.params import check, parse_yaml
from graft.data.raw import fingerprint
from graft.finetune.config import Finetune
from tests.finetune.conftest import DESCRIPTION


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after a run, as far as this command looks."""
    monkeypatch.chdir(tmp_path)
    for name in ("models/finetuned/model.safetensors", "models/finetuned/network.json", "data/split.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    write_json(Path("models/finetuned/network.json"), DESCRIPTION.model_dump())
    Path("params.yaml").write_text("finetune:\n  epochs: 5   # passes\n\nreport:\n")
    return tmp_path


def test_the_network_and_its_split_are_kept_and_named(project: Path) -> None:
    lines = list(keep(Path("params.yaml")))
    kept = project / "models/previous"
    assert sorted(file.name for file in kept.iterdir()) == ["model.safetensors", "network.json", "split.csv"]
    assert (kept / "split.csv").read_text() == "data/split.csv"
    text = (project / "params.yaml").read_text()
    config = check("finetune", Finetune, parse_yaml(text)["finetune"])
    assert (config.init, config.previous, config.epochs) == ("previous", fingerprint(kept), 5)
    assert "# passes" in text
    assert lines[0] == f"models/finetuned is kept in models/previous, digest {fingerprint(kept)[:12]}"


def test_kept_again_it_is_replaced(project: Path) -> None:
    list(keep(Path("params.yaml")))
    (project / "models/previous/old").touch()
    (project / "models/finetuned/model.safetensors").write_text("more")
    assert len(list(keep(Path("params.yaml")))) == 2  # the copy, and its new digest
    assert not (project / "models/previous/old").exists()


@pytest.mark.parametrize(
    ("trait", "said"), [("refit", "learnt from valid as well"), ("ensemble", "is two, side by side")]
)
def test_a_network_that_no_training_goes_on_from_is_not_kept(project: Path, trait: str, said: str) -> None:
    write_json(Path("models/finetuned/network.json"), DESCRIPTION.model_copy(update={trait: True}).model_dump())
    with pytest.raises(DataError, match=said):
        list(keep(Path("params.yaml")))
    assert not Path("models/previous").exists()


def test_without_a_network_there_is_nothing_to_keep(project: Path) -> None:
    (project / "models/finetuned/model.safetensors").unlink()
    with pytest.raises(
        DataError, match=r"model\.safetensors is absent, so there is no network to keep: run `dvc repro`"
    ):
        list(keep(Path("params.yaml")))
    assert not (project / "models/previous").exists()
