"""Views are what torchvision's own kernels give, in one sampling."""

import math
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F

from graft.images.augment import Augment, augment, random_maps
from graft.images.sampler import sample
from graft.model.torchvision_ops import declare_missing

declare_missing()

from torchvision.transforms.v2 import functional as v2  # noqa: E402

SIZE = 32


@pytest.fixture
def pixels() -> torch.Tensor:
    """Smooth pictures `[B, S, S, 3]`, so that interpolation has something to agree on."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((3, 3, 5, 5), generator=generator)
    smooth = F.interpolate(coarse, (SIZE, SIZE), mode="bicubic").clamp(0, 1)
    return (smooth * 255).round().byte().permute(0, 2, 3, 1).contiguous()


def as_pictures(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.permute(0, 3, 1, 2).float() / 255


def maps(batch: int, rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32).repeat(batch, 1, 1)


def test_whole_picture_at_its_own_size_is_itself(pixels: torch.Tensor) -> None:
    assert torch.equal(sample(pixels, None, SIZE), as_pictures(pixels))
    torch.testing.assert_close(sample(pixels, maps(3, torch.eye(3).tolist()), SIZE), as_pictures(pixels))


@pytest.mark.parametrize("size", [16, 24, 48])
def test_the_two_ways_to_sample_the_whole_picture_agree(pixels: torch.Tensor, size: int) -> None:
    plain, mapped = sample(pixels, None, size), sample(pixels, maps(3, torch.eye(3).tolist()), size)
    torch.testing.assert_close(plain, mapped, atol=1e-5, rtol=0)


def test_mirror_is_torchvisions(pixels: torch.Tensor) -> None:
    mirrored = sample(pixels, maps(3, [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]), SIZE)
    torch.testing.assert_close(mirrored, v2.horizontal_flip(as_pictures(pixels)))


@pytest.mark.parametrize("degrees", [90, 15, -40])
def test_rotation_is_torchvisions(pixels: torch.Tensor, degrees: float) -> None:
    # torchvision turns counter-clockwise; y points down here, so the view's map is the same turn
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    turned = sample(pixels, maps(3, [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]), SIZE)
    peer = v2.rotate(as_pictures(pixels), degrees, interpolation=v2.InterpolationMode.BILINEAR)
    inner = slice(8, 24)  # what both sides fill from the picture alone
    torch.testing.assert_close(turned[..., inner, inner], peer[..., inner, inner], atol=1e-4, rtol=0)


def test_warp_is_torchvisions(pixels: torch.Tensor) -> None:
    tilt = 0.2
    matrix = torch.tensor([[1, 0, 0], [0, 1, 0], [tilt, 0, 1.0]])
    warped = sample(pixels, matrix.repeat(3, 1, 1), SIZE)
    # where the view's corners lie in the picture, in pixels from its edge
    corners = torch.tensor([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1.0]]) @ matrix.T
    ends = ((corners[:, :2] / corners[:, 2:] + 1) / 2 * SIZE).tolist()
    side = float(SIZE)
    starts = [[0.0, 0.0], [side, 0.0], [side, side], [0.0, side]]
    coefficients = _coefficients(starts, ends)
    bilinear = v2.InterpolationMode.BILINEAR
    peer = v2.perspective(as_pictures(pixels), None, None, coefficients=coefficients, interpolation=bilinear)
    inner = slice(8, 24)
    torch.testing.assert_close(warped[..., inner, inner], peer[..., inner, inner], atol=1e-3, rtol=0)


def _coefficients(view: list[list[float]], picture: list[list[float]]) -> list[float]:
    """Solve for the eight numbers of the map from view to picture, in pixels."""
    rows, values = [], []
    for (x, y), (u, v) in zip(view, picture, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    found: list[float] = torch.linalg.solve(torch.tensor(rows).double(), torch.tensor(values).double()).tolist()
    return found


def test_any_number_of_changes_is_one_sampling(pixels: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = F.grid_sample

    def counted(pictures: torch.Tensor, grid: torch.Tensor, **options: Any) -> torch.Tensor:
        calls.append(len(pictures))
        return real(pictures, grid, **options)

    monkeypatch.setattr(F, "grid_sample", counted)
    monkeypatch.setattr(F, "interpolate", lambda *_, **__: pytest.fail("a second interpolation"))
    everything = Augment(flip="dihedral", rotate=20.0, zoom=1.3, warp=0.2, lighting=0.3, p=1.0)
    assert augment(pixels, everything, 24, seed=0).shape == (3, 3, 24, 24)
    assert calls == [3]


def test_nothing_to_vary_changes_nothing(pixels: torch.Tensor) -> None:
    still = Augment(flip="none", rotate=0.0, zoom=1.0, warp=0.0, lighting=0.0)
    torch.testing.assert_close(augment(pixels, still, SIZE, seed=5), as_pictures(pixels))


@pytest.mark.parametrize(("flip", "views"), [("none", 1), ("horizontal", 2), ("both", 4), ("dihedral", 8)])
def test_flips_draw_all_their_views_and_no_other(
    pixels: torch.Tensor, flip: Literal["none", "horizontal", "both", "dihedral"], views: int
) -> None:
    one = pixels[:1].expand(200, -1, -1, -1)
    drawn = augment(one, Augment(flip=flip, rotate=0.0, zoom=1.0, warp=0.0, lighting=0.0), SIZE, seed=0)
    picture = as_pictures(pixels[:1])
    mirrored, upside_down = picture.flip(3), picture.flip(2)
    known = [picture, mirrored, upside_down, upside_down.flip(3)]
    known += [view.transpose(2, 3) for view in known]
    gaps = torch.stack([(drawn - view).abs().amax((1, 2, 3)) for view in known])
    assert gaps.min(0).values.max() < 1e-5
    assert set(gaps.argmin(0).tolist()) == set(range(views))


def test_draws_depend_on_the_seed_alone(pixels: torch.Tensor) -> None:
    torch.manual_seed(1)
    first = augment(pixels, Augment(), SIZE, seed=3)
    torch.manual_seed(2)
    assert torch.equal(first, augment(pixels, Augment(), SIZE, seed=3))
    assert not torch.equal(first, augment(pixels, Augment(), SIZE, seed=4))


def test_views_of_a_zoom_stay_inside_the_picture() -> None:
    knobs = Augment(flip="none", rotate=0.0, zoom=2.0, warp=0.0, lighting=0.0, p=1.0)
    drawn = random_maps(knobs, 500, torch.Generator().manual_seed(0))
    corners = drawn @ torch.tensor([[-1, 1], [-1, 1], [1, 1.0]])
    assert corners[:, :2].abs().max() <= 1 + 1e-6
    assert corners[:, 0, 1].sub(corners[:, 0, 0]).min() >= 2 / 2.0 - 1e-6


def test_lighting_by_hand() -> None:
    """A grey of 0.5 does not feel contrast; it moves by half the shift."""
    grey = torch.full((400, 4, 4, 3), 128, dtype=torch.uint8)
    knobs = Augment(flip="none", rotate=0.0, zoom=1.0, warp=0.0, lighting=0.2, p=1.0)
    views = augment(grey, knobs, 4, seed=0)
    moved = views[:, 0, 0, 0] - 128 / 255
    assert moved.abs().max() <= 0.1 + 0.01
    assert moved.max() > 0.08
    assert moved.min() < -0.08
