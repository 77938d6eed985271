"""Brightness and contrast are fastai's."""

import math

import torch

from graft.augment.augment import light, random_lighting


def lit(values: list[float], shift: float, gain: float) -> list[float]:
    views = (255 * torch.tensor(values)).reshape(1, 1, 1, -1)
    out = torch.empty_like(views)
    light(views, torch.full((1, 1, 1, 1), shift), torch.full((1, 1, 1, 1), gain), out)
    found: list[float] = out.flatten().tolist()
    return found


def test_by_hand() -> None:
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


def test_draws_have_fastais_ranges() -> None:
    shift, gain = random_lighting(0.2, 4000, 1.0, torch.Generator().manual_seed(0))
    assert shift.shape == gain.shape == (4000, 1, 1, 1)
    grey = torch.sigmoid(shift)  # where mid-grey comes to lie
    assert 0.4 - 1e-6 <= grey.min() < 0.401
    assert 0.599 < grey.max() <= 0.6 + 1e-6
    assert 0.8 - 1e-6 <= gain.min() < 0.801
    assert 1.248 < gain.max() <= 1.25 + 1e-6
    assert abs(torch.corrcoef(torch.stack([shift.flatten(), gain.flatten()]))[0, 1]) < 0.05


def test_a_share_of_images_is_left_alone() -> None:
    shift, gain = random_lighting(0.2, 4000, 0.75, torch.Generator().manual_seed(0))
    assert 0.22 < (shift == 0).float().mean() < 0.28
    assert 0.22 < (gain == 1).float().mean() < 0.28
