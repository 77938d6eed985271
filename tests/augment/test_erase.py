"""A rectangle is lost, of the size that was asked for, where it was asked for."""

import torch

from graft.augment.augment import erase, random_rectangles

SIZE = 100


def test_rectangles_are_inside_and_as_large_and_long_as_said() -> None:
    places = random_rectangles(1.0, 3000, SIZE, torch.Generator().manual_seed(0))
    assert list(places) == list(range(3000))
    edges = torch.tensor([[rows.start, rows.stop, columns.start, columns.stop] for rows, columns in places.values()])
    assert edges.min() == 0
    assert edges.max() == SIZE
    height, width = (edges[:, 1] - edges[:, 0]).float(), (edges[:, 3] - edges[:, 2]).float()
    area, ratio = height * width / SIZE**2, height / width
    assert 0.017 < area.min() < 0.025
    assert 0.31 < area.max() < 0.345
    assert 1 / 3.6 < ratio.min() < 1 / 3
    assert 3 < ratio.max() < 3.6
    assert abs(ratio.log().mean()) < 0.05


def test_share() -> None:
    assert random_rectangles(0.0, 100, SIZE, torch.Generator()) == {}
    assert 200 < len(random_rectangles(0.25, 1000, SIZE, torch.Generator().manual_seed(0))) < 300


def test_what_is_lost_is_the_mean_colour() -> None:
    views = torch.rand((3, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    before = views.clone()
    erase(views, {1: (slice(1, 3), slice(0, 2))})
    colour = before[1].mean((1, 2))
    torch.testing.assert_close(views[1, :, 1:3, 0:2], colour[:, None, None].expand(3, 2, 2))
    changed = (views != before).any(1)
    assert changed[1, 1:3, 0:2].all()
    assert changed.sum() == 4
