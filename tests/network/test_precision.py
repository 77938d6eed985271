"""``auto`` takes bfloat16 only where it computes what float32 does, and says what decided."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from graft.data.arrays import ImageRows
from graft.network import precision as module
from graft.network.precision import Settled, evenly_spaced, relative_error, settle
from tests.network.test_inference import store

SIZE = 16


class Means(nn.Module):
    """The mean of each quarter of an image, by a convolution, so that autocast rounds its input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, SIZE // 2, SIZE // 2, bias=False)
        nn.init.uniform_(self.layer.weight, 0, 1, torch.Generator().manual_seed(0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.layer(images).flatten(1)
        return features


@pytest.fixture
def network() -> Means:
    return Means().eval()


@pytest.fixture
def has_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that computes in bfloat16; whatever runs the tests emulates it."""
    monkeypatch.setattr(module, "has_bfloat16", lambda _: True)
    monkeypatch.setattr(module, "emulates", lambda *_: False)


def images(folder: Path, low: int, high: int) -> ImageRows:
    """Forty images of one grey each, from `low` to `high`."""
    greys = np.linspace(low, high, 40).astype(np.uint8)
    return store(folder / f"{low}-{high}", np.broadcast_to(greys[:, None, None, None], (40, SIZE, SIZE, 3)).copy())


def rows(pixels: ImageRows) -> np.ndarray:
    return np.arange(len(pixels.paths))


@pytest.mark.usefixtures("has_bfloat16")
def test_bfloat16_is_taken_where_images_differ_by_more_than_it_rounds(network: Means, tmp_path: Path) -> None:
    pixels = images(tmp_path, 0, 255)
    settled = settle(network, pixels, rows(pixels), SIZE, "auto")
    assert settled.precision == "bf16"
    assert settled.bf16_error is not None
    assert 0 < settled.bf16_error < 0.02
    assert str(settled).startswith(f"bf16: on these images bf16 errs by {settled.bf16_error:g} of what they differ by")


@pytest.mark.usefixtures("has_bfloat16")
def test_bfloat16_is_refused_where_its_rounding_is_as_large_as_what_images_differ_by(
    network: Means, tmp_path: Path
) -> None:
    pixels = images(tmp_path, 181, 183)  # bfloat16 has eight bits: these greys are two of its numbers apart
    settled = settle(network, pixels, rows(pixels), SIZE, "auto")
    assert settled.precision == "fp32"
    assert settled.bf16_error is not None
    assert settled.bf16_error > module.MAX_ERROR
    assert str(settled).endswith(f"{settled.bf16_error:g} of what they differ by, more than {module.MAX_ERROR:g}")
    assert settle(network, pixels, rows(pixels), SIZE, "auto") == settled


def test_without_instructions_for_bfloat16_nothing_is_tried(
    network: Means, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_bfloat16", lambda _: False)
    monkeypatch.setattr(module, "all_outputs", None)
    pixels = images(tmp_path, 0, 255)
    assert settle(network, pixels, rows(pixels), SIZE, "auto") == Settled("fp32")
    assert str(Settled("fp32")) == "fp32"


@pytest.mark.usefixtures("has_bfloat16")
def test_what_is_asked_for_stays(network: Means, tmp_path: Path) -> None:
    pixels = images(tmp_path, 181, 183)
    assert settle(network, pixels, rows(pixels), SIZE, "bf16") == Settled("bf16")


def test_what_the_processor_only_emulates_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "emulates", lambda _, precision: precision == "fp16")
    assert str(Settled("fp16")).startswith("fp16: warning: this processor only emulates it, ten to forty times slower")
    assert str(Settled("bf16")) == "bf16"


@pytest.mark.usefixtures("has_bfloat16")
def test_only_the_rows_that_may_be_looked_at_decide(network: Means, tmp_path: Path) -> None:
    greys = np.repeat(np.array([0, 255, 182, 183], dtype=np.uint8), 10)
    pixels = store(tmp_path / "mixed", np.broadcast_to(greys[:, None, None, None], (40, SIZE, SIZE, 3)).copy())
    assert settle(network, pixels, np.arange(20), SIZE, "auto").precision == "bf16"
    assert settle(network, pixels, np.arange(20, 40), SIZE, "auto").precision == "fp32"


def test_the_error_is_a_share_of_each_outputs_own_spread() -> None:
    exact = np.array([[0, 0, 7], [2, 200, 7]], dtype=np.float32)  # deviations 1, 100, and none
    found = exact + np.array([0.6, 80, 0.5], dtype=np.float32)
    assert relative_error(exact, exact) == 0
    assert relative_error(found, exact) == pytest.approx(np.sqrt((0.6**2 + 0.8**2) / 2))
    assert relative_error(exact + 1e6, exact) == 1
    assert relative_error(np.full_like(exact, np.nan), exact) == 1
    assert relative_error(exact[:1], exact[:1]) == 0


@pytest.mark.parametrize(("count", "wanted"), [(1, [0]), (3, [0, 1, 2]), (9, [0, 2, 4, 6, 8]), (0, [])])
def test_positions_are_evenly_spaced(count: int, wanted: list[int]) -> None:
    assert evenly_spaced(count, 5).tolist() == wanted
