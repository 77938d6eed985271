"""Curves of the training are drawn from the files that DVC plots."""

from pathlib import Path

from graft.report.plots import save_training


def curve(folder: Path, name: str, values: list[float]) -> None:
    """Write a curve as DVCLive does."""
    file = folder / "plots" / "metrics" / f"{name}.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("step\tx\n" + "".join(f"{step}\t{value}\n" for step, value in enumerate(values, start=1)))


def test_what_there_is_is_drawn_the_same_twice(tmp_path: Path) -> None:
    head, finetune = tmp_path / "head", tmp_path / "finetune"
    curve(head, "valid/loss_l2_0.1", [1.0, 0.5])
    curve(head, "valid/accuracy_l2_0.1", [0.5, 0.6])
    for name in ("train/loss", "valid/loss", "valid/accuracy"):
        curve(finetune, name, [0.5, 0.25, 0.2])
    assert save_training(tmp_path / "one.png", head, finetune)
    assert save_training(tmp_path / "two.png", head, finetune)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    curve(finetune, "valid/accuracy", [0.9, 0.9, 0.9])
    assert save_training(tmp_path / "three.png", head, finetune)
    assert (tmp_path / "three.png").read_bytes() != (tmp_path / "one.png").read_bytes()


def test_without_any_there_is_no_image(tmp_path: Path) -> None:
    assert not save_training(tmp_path / "none.png", tmp_path / "head", tmp_path / "finetune")
    assert not (tmp_path / "none.png").exists()
