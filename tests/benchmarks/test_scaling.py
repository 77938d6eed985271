from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.scaling import RUNS, Line, amount, constants, decades, draw, duration


def results() -> dict[str, Any]:
    """Every stage takes 2 s and 10 ms an image, and 0.5 GB; presize 1 kB more an image."""

    def run(count: int, stages: tuple[str, ...]) -> dict[str, Any]:
        memory = {stage: 0.5 + (1e-6 * count if stage == "presize" else 0) for stage in stages}
        found = {stage: {"seconds": 2 + 0.01 * count, "memory": memory[stage]} for stage in stages}
        disk = {"images": 0.01 * count, "tables": 0.001 * count, "presized": 0.2 * count, "embeddings": 0.005 * count}
        return {"stages": found, "disk": disk}

    return {"runs": {str(count): run(count, stages) for count, stages in RUNS.items()}}


def test_a_line_goes_through_both_points_and_never_falls() -> None:
    line = Line.through(200, 4.0, 1000, 12.0)
    assert (line.at(200), line.at(1000)) == pytest.approx((4.0, 12.0))
    assert Line.through(200, 5.0, 1000, 4.0) == Line(5.0, 0.0)


def test_constants_are_found_and_laid_beside_what_was_measured() -> None:
    rows = constants(results())
    measured = "102 s | 102 s | 1002 s | 1002 s"
    assert rows[2] == f"| download | 2.0 s | 10.00 ms | {measured} | 0.50 GB | 0.50 GB | 0.50 GB |"
    assert rows[5] == f"| presize | 2.0 s | 10.00 ms | {measured} | 0.50 GB | 0.51 GB | 0.60 GB |"
    assert rows[-2] == "| report | 2.0 s | 10.00 ms | 102 s | - | 1002 s | - | 0.50 GB | - | - |"


def test_decades_are_drawn_on_with_five_epochs() -> None:
    rows = decades(results())
    # ten stages of 12 s, and four epochs more of 10 s: 160 s, of which 52 s are fine-tuning
    assert rows[2] == "| 10^3 | 2.7 min | finetune, 32% | 200 MB | 5 MB | 1 MB |"
    assert rows[-1] == "| 10^8 | 160 days | finetune, 36% | 20 TB | 500 GB | 100 GB |"


@pytest.mark.parametrize(
    ("number", "text"), [(59.4, "59 s"), (119.0, "120 s"), (120.0, "2 min"), (7200.0, "2 h"), (1.6e7, "190 days")]
)
def test_times_are_short(number: float, text: str) -> None:
    assert duration(number) == text


@pytest.mark.parametrize(("number", "text"), [(0.0, "0 MB"), (1.25, "1.2 MB"), (19_700.0, "20 GB"), (2e7, "20 TB")])
def test_sizes_are_short(number: float, text: str) -> None:
    assert amount(number) == text


def test_images_are_drawn_for_two_classes(tmp_path: Path) -> None:
    draw(tmp_path / "images", 4)
    files = sorted(file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.jpg"))
    assert files == [f"images/{kind}/000000{number}.jpg" for kind in "ab" for number in range(2)]
    with Image.open(tmp_path / files[0]) as image:
        assert image.size == (320, 240)
