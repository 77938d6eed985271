from typing import Any

import pytest

from benchmarks.against_fastai import of_side, page, summarise, table
from benchmarks.machine import PACKAGES


def run(seconds: float, accuracy: float, others: float = 0.0) -> dict[str, float]:
    return {"seconds": seconds, "accuracy": accuracy, "others": others}


RESULTS: dict[str, Any] = {
    "fastai/dogs-vs-cats/1": {"fastai": run(100, 0.90)},
    "fastai/dogs-vs-cats/2": {"fastai": run(120, 0.94)},
    "graft/dogs-vs-cats/1": {"probe": run(10, 0.95), "graft": run(40, 0.96)},
    "graft/dogs-vs-cats/2": {"probe": run(12, 0.95), "graft": run(60, 0.98, others=0.5)},
}


def test_times_are_of_quiet_runs_and_accuracies_of_all() -> None:
    said = summarise([run(10, 0.8), run(14, 0.9), run(90, 1.0, others=0.1)])
    assert said == {
        "runs": 3,
        "quiet": 2,
        "seconds": 12,
        "accuracy": pytest.approx(0.9),
        "deviation": pytest.approx(0.1),
    }


def test_without_a_quiet_run_there_is_no_time() -> None:
    assert summarise([run(10, 0.8, others=0.2)])["seconds"] is None


def test_runs_of_one_preset_are_not_those_of_another_whose_name_goes_on() -> None:
    results = {"graft/solar-cells/1": {"probe": run(1, 0.5)}, "graft/solar-cells-random/1": {"probe": run(2, 0.6)}}
    assert of_side(results, "solar-cells", "probe") == {"1": run(1, 0.5)}


def test_a_row_holds_differences_by_seed_and_the_ratio_of_quiet_times() -> None:
    lines = table(RESULTS).splitlines()[2:]
    assert lines == [
        "| `dogs-vs-cats` | fastai | 92.0% ± 2.8% |  | 110 s |  | 2 (2) |",
        "| `dogs-vs-cats` | graft, head alone | 95.0% ± 0.0% | +3.0 ± 2.8 | 11 s | 10.0 | 2 (2) |",
        "| `dogs-vs-cats` | graft, fine-tuned | 97.0% ± 1.4% | +5.0 ± 1.4 | 40 s | 2.8 | 2 (1) |",
    ]


def test_the_difference_is_of_seeds_that_both_ran() -> None:
    results = {key: run for key, run in RESULTS.items() if key != "fastai/dogs-vs-cats/2"}
    assert "| +6.0 |" in table(results)


def test_the_page_names_every_version_of_fastai_and_every_commit() -> None:
    facts = {"cores": 2, "processor": "some", "python": "3", "commit": "abc"} | dict.fromkeys(PACKAGES, "1")
    results = {key: run | {"machine": facts, "fastai_version": "2.8.12"} for key, run in RESULTS.items()}
    results["graft/dogs-vs-cats/2"]["machine"] = facts | {"commit": "def"}
    text = page(results)
    assert "fastai 2.8.12; 2 cores of some, Python 3, " in text
    assert "commit abc, def." in text
