"""Random views: one sampling, the same draws wherever, only what the knobs say."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.network.resample import sample

SIZE = 32
STILL = Augment(strength="none")


@pytest.fixture
def pixels() -> torch.Tensor:
    """Pictures `[5, S, S, 3]` without any two pixels alike."""
    return torch.randint(0, 256, (5, SIZE, SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def as_images(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.permute(0, 3, 1, 2).float() / 255


def test_any_number_of_changes_is_one_sampling(pixels: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled: list[int] = []
    real = F.grid_sample

    def counted(images: torch.Tensor, grid: torch.Tensor, **options: Any) -> torch.Tensor:
        sampled.append(len(images))
        return real(images, grid, **options)

    monkeypatch.setattr(F, "grid_sample", counted)
    monkeypatch.setattr(F, "interpolate", lambda *_, **__: pytest.fail("a second interpolation"))
    everything = Augment(strength="strong", flip="dihedral", min_scale=0.5, erase=1.0, p=1.0)
    views = augment(pixels, everything, 24, seed=0)
    assert sum(sampled) == 5  # each picture once
    assert views.shape == (5, 3, 24, 24)
    assert views.dtype == torch.float32
    assert 0 <= views.min() < views.max() <= 1


def test_flips_at_the_images_own_size_sample_nothing(pixels: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(F, "grid_sample", lambda *_, **__: pytest.fail("sampled"))
    views = augment(pixels, Augment(strength="none", flip="dihedral"), SIZE, seed=0)
    for view, image in zip(views, as_images(pixels), strict=True):
        turns = [torch.rot90(side, turn, (1, 2)) for side in (image, image.flip(2)) for turn in range(4)]
        assert sum(torch.equal(view, turn) for turn in turns) == 1


def test_nothing_to_vary_changes_nothing(pixels: torch.Tensor) -> None:
    before = pixels.clone()
    assert torch.equal(augment(pixels, STILL, SIZE, seed=5), as_images(pixels))
    torch.testing.assert_close(augment(pixels, STILL, 24, seed=5), sample(pixels, 24), atol=1e-5, rtol=0)
    augment(pixels, Augment(strength="strong", erase=1.0), SIZE, seed=5)
    assert torch.equal(pixels, before)


def test_draws_depend_on_the_seed_alone(pixels: torch.Tensor) -> None:
    torch.manual_seed(1)
    first = augment(pixels, Augment(strength="strong"), SIZE, seed=3)
    torch.manual_seed(2)
    assert torch.equal(first, augment(pixels, Augment(strength="strong"), SIZE, seed=3))
    assert not torch.equal(first, augment(pixels, Augment(strength="strong"), SIZE, seed=4))


def test_number_of_threads_changes_nothing(pixels: torch.Tensor) -> None:
    before, views = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            views.append(augment(pixels, Augment(min_scale=0.5), 24, seed=3))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(views[0], views[1])
    assert torch.equal(views[0], views[2])


def test_a_knob_leaves_what_others_draw_as_it_is(pixels: torch.Tensor) -> None:
    plain = augment(pixels, Augment(lighting=0.0), SIZE, seed=1)
    erased = augment(pixels, Augment(lighting=0.0, erase=1.0), SIZE, seed=1)
    kept = (plain == erased).all(1).float().mean((1, 2))
    assert (kept > 0.6).all()
    assert (kept < 1).all()


def test_lighting_by_hand() -> None:
    """Mid-grey does not feel contrast; it moves by at most 0.1, and contrast then stretches that by a quarter."""
    grey = torch.full((400, 4, 4, 3), 128, dtype=torch.uint8)
    views = augment(grey, Augment(strength="none", lighting=0.2, p=1.0), 4, seed=0)
    moved = views[:, 0, 0, 0] - 0.5
    assert 0.1 < moved.max() <= 0.125 + 0.003
    assert -0.125 - 0.003 <= moved.min() < -0.1
    assert (views.amax((1, 2, 3)) - views.amin((1, 2, 3))).max() < 1e-6
