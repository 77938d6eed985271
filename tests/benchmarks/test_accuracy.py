"""The table tells means over splits, an interval where there is one split, and what was not run."""

from pathlib import Path
from typing import Any

from benchmarks.accuracy import HEAD_ONLY, draw_split, spread, table
from graft.core.params import load

MACHINE = {"cores": 2, "processor": "P", "python": "3", "commit": "abc"} | dict.fromkeys(
    ("torch", "timm", "numpy", "pandas", "pillow", "imagehash"), "1"
)


def run(accuracy: float, seconds: float, **others: Any) -> dict[str, Any]:
    figures = {"accuracy": accuracy, "accuracy_low": 0.5, "accuracy_high": 0.9}
    return {
        "head": figures,
        "test": figures | {"images": 8},
        "cross_validated": figures,
        "features": 9,
        "seconds": seconds,
    } | others


def test_several_splits_have_a_mean_and_a_deviation() -> None:
    assert spread([run(0.8, 1), run(0.9, 1)], "head") == "85.0% ± 7.1"
    assert spread([run(0.8, 1)], "head") == "80.0% (50.0% to 90.0%)"
    assert spread([run(0.8, 1)], "finetuned") == "not run"


def test_table_has_a_row_a_dataset_in_order() -> None:
    runs = [run(0.8, 10), run(0.9, 30), run(0.7, 20)]
    datasets = {"food-10": runs[:1], "solar-cells": runs, "solar-cells" + HEAD_ONLY: runs[1:]}
    lines = table({"datasets": datasets, "machine": MACHINE}).splitlines()[2:]
    assert lines[0].startswith("| solar-cells, head alone | 2 | 8 | 80.0% ± 14.1 | ")
    assert lines[1].startswith("| solar-cells | 3 | 8 | 80.0% ± 10.0 | ")
    assert lines[1].endswith("| 80.0% (50.0% to 90.0%) | 9 s | 20 s |")
    assert lines[2].startswith("| food-10 | 1 | 8 | 80.0% (50.0% to 90.0%) | not run | ")


def test_another_split_is_drawn_of_the_same_kind(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("split:\n  by: group\n  test: 0.3   # much\n  seed: 0\n")
    draw_split(file, 3)
    assert load(file) == {"split": {"by": "group", "test": 0.3, "seed": 3}}
