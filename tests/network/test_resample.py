"""Views are what torchvision's own kernels give, in one sampling."""

import math

import pytest
import torch
import torch.nn.functional as F

from graft.backbone.torchvision_models import declare_missing
from graft.network.resample import flipped, sample
from tests.augment.made import mapped

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


def as_images(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.permute(0, 3, 1, 2).float() / 255


def maps(batch: int, rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32).repeat(batch, 1, 1)


def test_whole_image_at_its_own_size_is_itself(pixels: torch.Tensor) -> None:
    assert torch.equal(sample(pixels, SIZE), as_images(pixels))
    torch.testing.assert_close(mapped(pixels, maps(3, torch.eye(3).tolist()), SIZE), as_images(pixels))


@pytest.mark.parametrize("size", [16, 24, 48])
def test_the_two_ways_to_sample_the_whole_image_agree(pixels: torch.Tensor, size: int) -> None:
    plain = sample(pixels, size)
    torch.testing.assert_close(plain, mapped(pixels, maps(3, torch.eye(3).tolist()), size), atol=1e-5, rtol=0)


def test_mirror_is_torchvisions(pixels: torch.Tensor) -> None:
    mirrored = mapped(pixels, maps(3, [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]), SIZE)
    torch.testing.assert_close(mirrored, v2.horizontal_flip(as_images(pixels)))


@pytest.mark.parametrize("degrees", [90, 15, -40])
def test_rotation_is_torchvisions(pixels: torch.Tensor, degrees: float) -> None:
    # torchvision turns counter-clockwise; y points down here, so the view's map is the same turn
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    turned = mapped(pixels, maps(3, [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]), SIZE)
    peer = v2.rotate(as_images(pixels), degrees, interpolation=v2.InterpolationMode.BILINEAR)
    inner = slice(8, 24)  # what both sides fill from the picture alone
    torch.testing.assert_close(turned[..., inner, inner], peer[..., inner, inner], atol=1e-4, rtol=0)


def test_warp_is_torchvisions(pixels: torch.Tensor) -> None:
    tilt = 0.2
    matrix = torch.tensor([[1, 0, 0], [0, 1, 0], [tilt, 0, 1.0]])
    warped = mapped(pixels, matrix.repeat(3, 1, 1), SIZE)
    # where the view's corners lie in the picture, in pixels from its edge
    corners = torch.tensor([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1.0]]) @ matrix.T
    ends = ((corners[:, :2] / corners[:, 2:] + 1) / 2 * SIZE).tolist()
    side = float(SIZE)
    starts = [[0.0, 0.0], [side, 0.0], [side, side], [0.0, side]]
    coefficients = _coefficients(starts, ends)
    bilinear = v2.InterpolationMode.BILINEAR
    peer = v2.perspective(as_images(pixels), None, None, coefficients=coefficients, interpolation=bilinear)
    inner = slice(8, 24)
    torch.testing.assert_close(warped[..., inner, inner], peer[..., inner, inner], atol=1e-3, rtol=0)


def _coefficients(view: list[list[float]], image: list[list[float]]) -> list[float]:
    """Solve for the eight numbers of the map from view to picture, in pixels."""
    rows, values = [], []
    for (x, y), (u, v) in zip(view, image, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    found: list[float] = torch.linalg.solve(torch.tensor(rows).double(), torch.tensor(values).double()).tolist()
    return found


def test_what_lies_outside_mirrors_the_image_and_then_its_edge_goes_on(pixels: torch.Tensor) -> None:
    # five times as wide; every fifth row falls on a row of the picture
    wide = mapped(pixels, maps(3, [[5, 0, 0], [0, 1, 0], [0, 0, 1]]), 5 * SIZE)[:, :, 2::5]
    image = as_images(pixels)
    mirrored = image.flip(3)
    left, right = image[..., :1].expand_as(image), image[..., -1:].expand_as(image)
    whole = torch.cat([right, mirrored, image, mirrored, left], dim=3)
    torch.testing.assert_close(wide, whole, atol=1e-4, rtol=0)


def test_mirroring_is_the_samplers_own_reflection(pixels: torch.Tensor) -> None:
    matrices = torch.tensor([[1.4, 0.9, 0.2], [-0.9, 1.4, -0.1], [0.1, 0.05, 1.0]]).repeat(3, 1, 1)
    steps = (2 * torch.arange(40) + 1) / 40 - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1) @ matrices.mT[:, None]
    grid = points[..., :2] / points[..., 2:]
    assert 1 < grid.abs().max() < 3
    peer = F.grid_sample(as_images(pixels), grid, padding_mode="reflection", align_corners=False)
    torch.testing.assert_close(mapped(pixels, matrices, 40), peer, atol=1e-4, rtol=0)


def test_a_view_does_not_depend_on_the_rest_of_the_batch() -> None:
    generator = torch.Generator().manual_seed(1)
    many = torch.randint(0, 256, (5, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator)
    matrices = torch.eye(3) + 0.1 * torch.randn((5, 3, 3), generator=generator)
    matrices[::2, 2] = torch.tensor([0, 0, 1.0])  # some project, some do not
    alone = [mapped(many[n : n + 1], matrices[n : n + 1], 24) for n in range(5)]
    assert torch.equal(mapped(many, matrices, 24), torch.cat(alone))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("sign_x", "sign_y"), [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_flips_without_sampling_are_those_with_it(
    pixels: torch.Tensor, transposed: bool, sign_x: float, sign_y: float
) -> None:
    top, middle = ([0, sign_x, 0], [sign_y, 0, 0]) if transposed else ([sign_x, 0, 0], [0, sign_y, 0])
    matrices = maps(3, [top, middle, [0, 0, 1]])
    moved = torch.cat([drawn for _, drawn in flipped(pixels, matrices)]) / 255
    torch.testing.assert_close(moved, mapped(pixels, matrices, SIZE))
    values = [torch.sort(views.flatten(1)).values for views in (moved, as_images(pixels))]
    assert torch.equal(*values)  # pixels are moved, none is made
