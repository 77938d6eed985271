"""The maps are torchvision's and fastai's, composed in fastai's order, and sampled as torchvision's kernels do."""

import math
from typing import Literal

import pytest
import torch
import torch.nn.functional as F

from graft.augment.config import Augment
from graft.augment.geometry import flip_pixels, flip_together, is_projective, random_maps, sample, spread, warp
from graft.backbone.torchvision_models import declare_missing
from graft.network.config import Flip
from graft.network.inference import resize

declare_missing()

from torchvision.transforms.v2 import functional as v2  # noqa: E402

RandomFlip = Flip | Literal["dihedral"]
SIZE = 32
BILINEAR = v2.InterpolationMode.BILINEAR
INNER = slice(8, 24)  # what both sides fill from the picture alone


def mapped(pixels: torch.Tensor, maps: torch.Tensor, size: int) -> torch.Tensor:
    """Outputs `[B, 3, size, size]`, float32 in [0, 1], of pixels `[B, S, S, 3]` by maps `[B, 3, 3]`."""
    return torch.cat([values for _, values in sample(pixels, maps, size)]) / 255


def drawn(config: Augment, batch: int = 400, seed: int = 0) -> torch.Tensor:
    return random_maps(config, batch, torch.Generator().manual_seed(seed))


def still(**config: float | str) -> Augment:
    return Augment.model_validate({"strength": "none", "p": 1.0} | config)


def corners(maps: torch.Tensor) -> torch.Tensor:
    """Where the view's corners lie in the picture: `[B, 4, 2]`, from the top left clockwise."""
    points = torch.tensor([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1.0]]) @ maps.mT
    return points[..., :2] / points[..., 2:]


@pytest.fixture
def pixels() -> torch.Tensor:
    """A smooth picture `[1, S, S, 3]`, so that interpolation has something to agree on."""
    coarse = torch.rand((1, 3, 5, 5), generator=torch.Generator().manual_seed(0))
    smooth = F.interpolate(coarse, (SIZE, SIZE), mode="bicubic").clamp(0, 1)
    return (smooth * 255).round().byte().permute(0, 2, 3, 1).contiguous()


def as_images(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("seed", range(3))
def test_random_rotation_is_torchvisions(pixels: torch.Tensor, seed: int) -> None:
    maps = drawn(still(rotate=40.0), 1, seed)
    degrees = math.degrees(math.atan2(maps[0, 1, 0], maps[0, 0, 0]))
    assert 0.5 < abs(degrees) <= 40
    peer = v2.rotate(as_images(pixels), degrees, interpolation=BILINEAR)
    turned = mapped(pixels, maps, SIZE)
    torch.testing.assert_close(turned[..., INNER, INNER], peer[..., INNER, INNER], atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["none", "dihedral"])
def test_a_squeezed_image_is_turned_as_it_is(kind: RandomFlip) -> None:
    """Between the picture and the view, both at their true proportions, a turn leaves lengths and angles alone."""
    aspects = torch.linspace(0.4, 2.5, 64)
    config, generator = still(rotate=40.0, flip=kind), torch.Generator().manual_seed(0)
    maps = random_maps(config, 64, generator, aspects)[:, :2, :2]
    transposed = drawn(still(flip=kind), 64)[:, 0, 0] == 0
    assert transposed.any() == (kind == "dihedral")
    upright = torch.stack([aspects, torch.ones_like(aspects)], 1)
    # a transposed view shows the picture's height from left to right
    view = torch.where(transposed[:, None], upright.flip(1), upright)
    true = torch.diag_embed(upright) @ maps @ torch.diag_embed(1 / view)
    torch.testing.assert_close(true @ true.mT, torch.eye(2).expand(64, 2, 2))
    assert not torch.allclose(maps @ maps.mT, torch.eye(2))


@pytest.mark.parametrize(
    ("kind", "views"), [("none", 1), ("horizontal", 2), ("vertical", 2), ("both", 4), ("dihedral", 8)]
)
def test_flips_are_torchvisions_each_as_often(pixels: torch.Tensor, kind: RandomFlip, views: int) -> None:
    maps = drawn(still(flip=kind), 800)
    image = as_images(pixels)
    mirrored, upside_down = v2.horizontal_flip(image), v2.vertical_flip(image)
    known = {"horizontal": [image, mirrored], "vertical": [image, upside_down]}.get(
        kind, [image, mirrored, upside_down, v2.vertical_flip(mirrored)]
    )
    if kind == "dihedral":
        known = known + [v2.rotate(view, 90) for view in known]
    seen = mapped(pixels.expand(800, -1, -1, -1), maps, SIZE)
    gaps = torch.stack([(seen - view).abs().amax((1, 2, 3)) for view in known])
    assert gaps.min(0).values.max() < 1e-4
    counts = torch.bincount(gaps.argmin(0), minlength=views)
    expected = torch.full((views,), 800 / views)
    assert (counts[:views] - expected).abs().max() < 5 * (800 / views) ** 0.5 * (views > 1) + 1
    assert counts[views:].sum() == 0


@pytest.mark.parametrize(("across", "along"), [(0.2, 0.0), (0.0, -0.2), (0.15, 0.2), (-0.35, 0.35)])
def test_warp_is_torchvisions_perspective_with_fastais_corners(
    pixels: torch.Tensor, across: float, along: float
) -> None:
    maps = warp(torch.tensor([across]), torch.tensor([along]))
    # fastai: the picture's corners, and where the view shows them
    starts = [(x, y) for x in (-1, 1) for y in (-1, 1)]
    ends = [(x - along * x * y, y - across * x * y) for x, y in starts]
    landed = torch.tensor([[*end, 1.0] for end in ends]) @ maps[0].T
    torch.testing.assert_close(landed[:, :2] / landed[:, 2:], torch.tensor(starts).float(), atol=1e-5, rtol=0)
    side = SIZE / 2
    places = [[(side * (x + 1), side * (y + 1)) for x, y in points] for points in (ends, starts)]
    coefficients = _coefficients(*places)
    peer = v2.perspective(as_images(pixels), None, None, coefficients=coefficients, interpolation=BILINEAR)
    warped = mapped(pixels, maps, SIZE)
    torch.testing.assert_close(warped[..., INNER, INNER], peer[..., INNER, INNER], atol=1e-3, rtol=0)


def _coefficients(view: list[tuple[float, float]], image: list[tuple[float, float]]) -> list[float]:
    """Solve for the eight numbers of the map from view to picture, in pixels."""
    rows, values = [], []
    for (x, y), (u, v) in zip(view, image, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    found: list[float] = torch.linalg.solve(torch.tensor(rows).double(), torch.tensor(values).double()).tolist()
    return found


@pytest.mark.parametrize("seed", range(5))
def test_crop_is_torchvisions(pixels: torch.Tensor, seed: int) -> None:
    maps = drawn(still(min_scale=0.3), 1, seed)
    left, top = (corners(maps)[0, 0] + 1) / 2 * SIZE
    right, bottom = (corners(maps)[0, 2] + 1) / 2 * SIZE
    # torchvision crops whole pixels: the crop is moved and stretched to the nearest
    edges = [round(float(edge)) for edge in (left, top, right, bottom)]
    x0, y0, x1, y1 = (2 * edge / SIZE - 1 for edge in edges)
    snapped = torch.tensor([[[(x1 - x0) / 2, 0, (x0 + x1) / 2], [0, (y1 - y0) / 2, (y0 + y1) / 2], [0, 0, 1.0]]])
    assert (snapped - maps).abs().max() <= 1 / SIZE + 1e-6
    peer = v2.resized_crop(
        as_images(pixels), edges[1], edges[0], edges[3] - edges[1], edges[2] - edges[0], [SIZE, SIZE], BILINEAR, False
    )
    cropped = mapped(pixels, snapped, SIZE)
    torch.testing.assert_close(cropped[..., INNER, INNER], peer[..., INNER, INNER], atol=1e-4, rtol=0)


def test_crops_stay_inside_and_keep_their_area_and_ratio() -> None:
    maps = drawn(still(min_scale=0.25), 4000)
    assert corners(maps).abs().max() <= 1 + 1e-6
    width, height = maps[:, 0, 0], maps[:, 1, 1]
    area, ratio = width * height, width / height
    assert 0.25 <= area.min() < 0.26
    assert 0.97 < area.max() <= 1 + 1e-6
    assert 3 / 4 - 1e-6 <= ratio.min() < 0.77
    assert 1.3 < ratio.max() <= 4 / 3 + 1e-6
    small = ratio[area < 0.5].log()  # where every ratio fits
    assert small.mean().abs() < 0.02
    torch.testing.assert_close(small.std(), torch.tensor(math.log(4 / 3) / 3**0.5), atol=0.01, rtol=0)


def test_crops_that_never_fit_are_the_whole_image() -> None:
    maps = drawn(still(min_scale=0.9999), 1000)
    whole = (maps == torch.eye(3)).all(2).all(1)
    assert whole.sum() > 900
    assert corners(maps).abs().max() <= 1 + 1e-6


def test_a_crop_takes_the_place_of_zoom() -> None:
    assert torch.equal(drawn(still(min_scale=0.5, zoom=3.0)), drawn(still(min_scale=0.5)))
    assert not torch.equal(drawn(still(zoom=3.0)), drawn(still()))


def test_views_of_a_zoom_stay_inside_the_image() -> None:
    maps = drawn(still(zoom=2.0), 2000)
    assert corners(maps).abs().max() <= 1 + 1e-6
    zoom = 1 / maps[:, 0, 0]
    assert torch.equal(maps[:, 0, 0], maps[:, 1, 1])
    assert 1 <= zoom.min() < zoom.max() <= 2
    torch.testing.assert_close(zoom.mean(), torch.tensor(1.5), atol=0.03, rtol=0)  # uniform, as in fastai


def test_order_is_fastais_zoom_turn_flip_warp_and_a_crop_last() -> None:
    together = drawn(still(flip="dihedral", rotate=30.0, zoom=2.0, warp=0.2), 50)
    alone = [drawn(still(**{name: value}), 50) for name, value in (("warp", 0.2), ("rotate", 30.0), ("zoom", 2.0))]
    flip = drawn(still(flip="dihedral"), 50)
    torch.testing.assert_close(together, alone[0] @ flip @ alone[1] @ alone[2])
    crop = drawn(still(min_scale=0.5), 50)
    torch.testing.assert_close(drawn(still(min_scale=0.5, warp=0.2, rotate=30.0), 50), crop @ alone[0] @ alone[1])


def test_the_strongest_warp_of_a_turned_view_stays_before_the_horizon() -> None:
    maps = drawn(still(flip="dihedral", rotate=180.0, warp=0.35), 20_000)
    points = torch.tensor([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1.0]]) @ maps.mT
    assert 0 < points[..., 2].min() < 0.3


def test_p_is_the_share_that_is_touched() -> None:
    values = spread(2.0, 10_000, 0.25, torch.Generator().manual_seed(0))
    touched = values[values != 0]
    assert 0.23 < len(touched) / 10_000 < 0.27
    assert -2 <= touched.min() < -1.9
    assert 1.9 < touched.max() <= 2
    assert not spread(2.0, 100, 0.0, torch.Generator()).any()
    assert spread(2.0, 1000, 1.0, torch.Generator()).count_nonzero() == 1000


@pytest.fixture
def batch() -> torch.Tensor:
    """Three smooth images `[3, S, S, 3]`."""
    coarse = torch.rand((3, 3, 5, 5), generator=torch.Generator().manual_seed(0))
    smooth = F.interpolate(coarse, (SIZE, SIZE), mode="bicubic").clamp(0, 1)
    return (smooth * 255).round().byte().permute(0, 2, 3, 1).contiguous()


def repeated(batch: int, rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32).repeat(batch, 1, 1)


def test_whole_image_at_its_own_size_is_itself(batch: torch.Tensor) -> None:
    assert torch.equal(resize(batch, SIZE), as_images(batch))
    torch.testing.assert_close(mapped(batch, repeated(3, torch.eye(3).tolist()), SIZE), as_images(batch))


@pytest.mark.parametrize("size", [16, 24, 48])
def test_the_two_ways_to_sample_the_whole_image_agree(batch: torch.Tensor, size: int) -> None:
    plain = resize(batch, size)
    torch.testing.assert_close(plain, mapped(batch, repeated(3, torch.eye(3).tolist()), size), atol=1e-5, rtol=0)


def test_what_lies_outside_mirrors_the_image_and_then_its_edge_goes_on(batch: torch.Tensor) -> None:
    # five times as wide; every fifth row falls on a row of the picture
    wide = mapped(batch, repeated(3, [[5, 0, 0], [0, 1, 0], [0, 0, 1]]), 5 * SIZE)[:, :, 2::5]
    image = as_images(batch)
    mirrored = image.flip(3)
    left, right = image[..., :1].expand_as(image), image[..., -1:].expand_as(image)
    whole = torch.cat([right, mirrored, image, mirrored, left], dim=3)
    torch.testing.assert_close(wide, whole, atol=1e-4, rtol=0)


def test_mirroring_is_the_samplers_own_reflection(batch: torch.Tensor) -> None:
    matrices = torch.tensor([[1.4, 0.9, 0.2], [-0.9, 1.4, -0.1], [0.1, 0.05, 1.0]]).repeat(3, 1, 1)
    steps = (2 * torch.arange(40) + 1) / 40 - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1) @ matrices.mT[:, None]
    grid = points[..., :2] / points[..., 2:]
    assert 1 < grid.abs().max() < 3
    peer = F.grid_sample(as_images(batch), grid, padding_mode="reflection", align_corners=False)
    torch.testing.assert_close(mapped(batch, matrices, 40), peer, atol=1e-4, rtol=0)


def test_an_output_does_not_depend_on_the_rest_of_the_batch() -> None:
    generator = torch.Generator().manual_seed(1)
    many = torch.randint(0, 256, (5, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator)
    matrices = torch.eye(3) + 0.1 * torch.randn((5, 3, 3), generator=generator)
    matrices[::2, 2] = torch.tensor([0, 0, 1.0])  # some project, some do not
    alone = [mapped(many[n : n + 1], matrices[n : n + 1], 24) for n in range(5)]
    assert torch.equal(mapped(many, matrices, 24), torch.cat(alone))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("sign_x", "sign_y"), [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_flips_without_sampling_are_those_with_it(
    batch: torch.Tensor, transposed: bool, sign_x: float, sign_y: float
) -> None:
    top, middle = ([0, sign_x, 0], [sign_y, 0, 0]) if transposed else ([sign_x, 0, 0], [0, sign_y, 0])
    matrices = repeated(3, [top, middle, [0, 0, 1]])
    moved = torch.cat([drawn for _, drawn in flip_pixels(batch, matrices)]) / 255
    torch.testing.assert_close(moved, mapped(batch, matrices, SIZE))
    values = [torch.sort(images.flatten(1)).values for images in (moved, as_images(batch))]
    assert torch.equal(*values)  # pixels are moved, none is made
    assert torch.equal(flip_together(batch, matrices).float() / 255, moved)


@pytest.mark.parametrize(("config", "projects"), [({"warp": 0.2}, True), ({"rotate": 20.0, "zoom": 1.2}, False)])
def test_maps_that_project_nothing_are_sampled_without_a_division(
    batch: torch.Tensor, config: dict[str, float], projects: bool
) -> None:
    maps = drawn(still(**config), len(batch))
    assert is_projective(maps) is projects
    with_division, without = (torch.cat([view for _, view in sample(batch, maps, 24, flag)]) for flag in (True, False))
    assert torch.equal(with_division, without) is not projects
