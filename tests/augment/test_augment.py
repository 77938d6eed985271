"""Random images: one sampling, the same draws wherever, only what the config says."""

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from graft.augment.augment import augment, erase, light, random_lighting, random_rectangles, share_out
from graft.augment.config import Augment
from graft.augment.mix import mix
from graft.network.inference import resize

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
    torch.testing.assert_close(augment(pixels, STILL, 24, seed=5), resize(pixels, 24), atol=1e-5, rtol=0)
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


def test_rectangles_are_inside_and_as_large_and_long_as_said() -> None:
    rectangles = random_rectangles(1.0, 3000, 100, torch.Generator().manual_seed(0))
    assert list(rectangles) == list(range(3000))
    edges = torch.tensor(
        [[rows.start, rows.stop, columns.start, columns.stop] for rows, columns in rectangles.values()]
    )
    assert edges.min() == 0
    assert edges.max() == 100
    height, width = (edges[:, 1] - edges[:, 0]).float(), (edges[:, 3] - edges[:, 2]).float()
    area, ratio = height * width / 100**2, height / width
    assert 0.017 < area.min() < 0.025
    assert 0.31 < area.max() < 0.345
    assert 1 / 3.6 < ratio.min() < 1 / 3
    assert 3 < ratio.max() < 3.6
    assert abs(ratio.log().mean()) < 0.05


def test_share_that_is_erased() -> None:
    assert random_rectangles(0.0, 100, 100, torch.Generator()) == {}
    assert 200 < len(random_rectangles(0.25, 1000, 100, torch.Generator().manual_seed(0))) < 300


def test_what_is_lost_is_the_mean_colour() -> None:
    views = torch.rand((3, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    before = views.clone()
    erase(views, {1: (slice(1, 3), slice(0, 2))})
    colour = before[1].mean((1, 2))
    torch.testing.assert_close(views[1, :, 1:3, 0:2], colour[:, None, None].expand(3, 2, 2))
    changed = (views != before).any(1)
    assert changed[1, 1:3, 0:2].all()
    assert changed.sum() == 4


def lit(values: list[float], shift: float, gain: float) -> list[float]:
    views = (255 * torch.tensor(values)).reshape(1, 1, 1, -1)
    out = torch.empty_like(views)
    light(views, torch.full((1, 1, 1, 1), shift), torch.full((1, 1, 1, 1), gain), out)
    found: list[float] = out.flatten().tolist()
    return found


def test_light_by_hand() -> None:
    # 0.2 has the odds 1 : 4; three times as bright makes them 3 : 4; squared contrast then 9 : 16
    assert math.isclose(lit([0.2], math.log(3), 1.0)[0], 3 / 7, rel_tol=1e-5)
    assert math.isclose(lit([0.2], math.log(3), 2.0)[0], 9 / 25, rel_tol=1e-5)


def test_no_change_changes_nothing_and_black_and_white_stay_in_range() -> None:
    values = [0.0, 1 / 255, 0.3, 0.5, 254 / 255, 1.0]
    torch.testing.assert_close(torch.tensor(lit(values, 0.0, 1.0)), torch.tensor(values), atol=1e-6, rtol=0)
    for shift, gain in ((1.0, 0.5), (-1.0, 2.0)):
        dark, *_, bright = lit(values, shift, gain)
        assert 0 <= dark < 0.01
        assert 0.99 < bright <= 1


def test_draws_of_lighting_have_fastais_ranges() -> None:
    shift, gain = random_lighting(0.2, 4000, 1.0, torch.Generator().manual_seed(0))
    assert shift.shape == gain.shape == (4000, 1, 1, 1)
    grey = torch.sigmoid(shift)  # where mid-grey comes to lie
    assert 0.4 - 1e-6 <= grey.min() < 0.401
    assert 0.599 < grey.max() <= 0.6 + 1e-6
    assert 0.8 - 1e-6 <= gain.min() < 0.801
    assert 1.248 < gain.max() <= 1.25 + 1e-6
    assert abs(torch.corrcoef(torch.stack([shift.flatten(), gain.flatten()]))[0, 1]) < 0.05


def test_a_share_of_images_keeps_its_lighting() -> None:
    shift, gain = random_lighting(0.2, 4000, 0.75, torch.Generator().manual_seed(0))
    assert 0.22 < (shift == 0).float().mean() < 0.28
    assert 0.22 < (gain == 1).float().mean() < 0.28


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_image_is_worked_on_once(threads: int, count: int) -> None:
    done = torch.zeros(count)
    parts: list[slice] = []

    def work(part: slice) -> None:
        done[part] += 1
        parts.append(part)

    share_out(work, count, torch.device("cpu"))
    assert done.tolist() == [1] * count
    assert len(parts) == min(threads, count)
    assert max(part.stop - part.start for part in parts) <= -(-count // len(parts))


def test_torch_computes_alone_in_each_and_as_before_elsewhere(threads: int) -> None:
    seen: list[int] = []
    share_out(lambda _: seen.append(torch.get_num_threads()), 12, torch.device("cpu"))
    assert seen == [1] * threads
    assert torch.get_num_threads() == threads
    with ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(torch.get_num_threads).result() == threads


@pytest.mark.parametrize(
    "config",
    [
        {"strength": "standard"},
        {"strength": "none", "flip": "dihedral"},
        {"strength": "strong", "mixup": 0.4},
        {"cutmix": 1.0},
    ],
)
def test_a_device_is_given_work_and_asked_nothing(pixels: torch.Tensor, config: dict[str, Any]) -> None:
    """The device "meta" has no values: whoever asked for one, which a GPU's host would have to wait for, would fail."""
    there, chosen = pixels.to("meta"), Augment.model_validate(config)
    images = augment(there, chosen, SIZE, seed=0)
    mixed = mix(images, chosen, seed=0)
    shown = images if mixed is None else mixed.images
    assert shown.is_meta
    assert shown.shape == (5, 3, SIZE, SIZE)


def test_other_devices_take_all_at_once() -> None:
    parts: list[slice] = []
    share_out(parts.append, 5, torch.device("meta"))
    assert parts == [slice(0, 5)]


def test_what_goes_wrong_in_a_thread_is_raised(threads: int) -> None:
    def work(part: slice) -> None:
        raise RuntimeError(f"{threading.current_thread().name} fails at {part.start}")

    with pytest.raises(RuntimeError, match="fails at 0"):
        share_out(work, 4, torch.device("cpu"))
