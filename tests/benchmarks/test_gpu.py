"""Every part of the GPU's benchmark runs on tiny networks wherever it is, and without a GPU it says so."""

from pathlib import Path

import pytest
import torch

from benchmarks import gpu, step_time
from benchmarks.machine import PACKAGES
from benchmarks.trial import Trial

FACTS = {"cores": 2, "processor": "some", "python": "3", "commit": "abc"} | dict.fromkeys(PACKAGES, "1")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few steps of few images."""
    for module in (gpu, step_time):
        monkeypatch.setattr(module, "STEPS", 2)
    for name, value in {"REPEATS": 1, "STORED": 40, "BYTES_BATCH": 4, "PRECISION": "fp32"}.items():
        monkeypatch.setattr(gpu, name, value)


def test_steps_are_timed(tmp_path: Path) -> None:
    found = gpu.time_steps("test_efficientnet", 4, 32, tmp_path)
    assert list(found) == ["graft", "bare", "first_epoch", "peak_graft", "peak_bare"]
    assert min(found["graft"], found["bare"]) > 0


def test_inference_is_timed(tmp_path: Path) -> None:
    found = gpu.time_inference("test_efficientnet", 32, 20, tmp_path)
    assert set(found) == {"embed", "bare", "data"}
    assert min(found.values()) > 0


def test_bytes_are_compared(tmp_path: Path) -> None:
    assert gpu.same_bytes("test_efficientnet", 32, tmp_path) == {"again": True, "resumed": True}


def test_the_head_is_timed() -> None:
    before = torch.get_num_threads()
    assert gpu.time_head(1, images=12, width=3) > 0
    torch.set_num_threads(before)


def test_what_a_recipe_lacks_is_said(tmp_path: Path) -> None:
    found = gpu.time_recipe(Trial("dogs-vs-cats", "none.zip", 2), "fp32", tmp_path)
    assert found == {"missing": f"{tmp_path}/none.zip is absent"}


def test_every_figure_is_told() -> None:
    results = {
        "steps": {"net": {"64": {"graft": 22.0, "bare": 20.0, "first_epoch": 9, "peak_graft": 1.0, "peak_bare": 1.0}}},
        "inference": {"net": {"embed": 90.0, "bare": 100.0, "data": 500.0}},
        "bytes": {"net": {"again": True, "resumed": False}},
        "head": {"2": 3.6},
        "start": {"embed": 2.5},
        "recipe": {"solar-cells, fp32": {"probe": 9.0, "graft": 12.0, "missing": "fastai is not installed"}},
    }
    assert gpu.page(results | {"device": "some GPU", "machine": FACTS}).splitlines()[:6] == [
        "- step of net, batch 64: graft 22.0 ms, bare 20.0 ms, 1.10 times (to reach: 1.10); first epoch +9 ms; "
        "peak 1.00 GB, bare 1.00 GB",
        "- embed by net: 90 images/s, bare 100, 90% (to reach: 85%); data path 500 images/s",
        "- same bytes of net: again yes, resumed NO",
        "- two heads at once by 2 threads: 3.6 s",
        "- start of embed: 2.5 s (to reach: 3)",
        "- solar-cells, fp32: probe 9.0 s, graft 12.0 s, missing fastai is not installed",
    ]


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu"])
    with pytest.raises(SystemExit, match="torch finds no CUDA device here"):
        gpu.main()
