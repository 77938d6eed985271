"""Mixes are those of torchvision, and the numbers those worked out by hand."""

import numpy as np
import pytest
import torch

from graft.augment.config import Augment
from graft.augment.mix import blend, boxes_around, mix, paste
from graft.backbone.torchvision_models import declare_missing

declare_missing()

from torchvision.transforms import v2  # noqa: E402


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand((4, 3, 8, 8), generator=torch.Generator().manual_seed(0))


def test_off() -> None:
    assert mix(torch.zeros((2, 3, 4, 4)), Augment(), seed=0) is None


def test_blend_by_hand() -> None:
    black_then_white = torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 3, 2, 2)
    mixed = blend(black_then_white, torch.tensor([0.75, 0.9]))
    assert mixed.partner.tolist() == [1, 0]
    torch.testing.assert_close(mixed.images[:, 0, 0, 0], torch.tensor([0.25, 0.9]))


def test_paste_by_hand(images: torch.Tensor) -> None:
    mixed = paste(images, np.array([[0, 4, 0, 4], [2, 8, 4, 8], [3, 3, 0, 8], [0, 8, 0, 8]]))
    assert mixed.partner.tolist() == [3, 0, 1, 2]
    assert mixed.weight.tolist() == [1 - 16 / 64, 1 - 24 / 64, 1, 0]
    assert torch.equal(mixed.images[0, :, :4, :4], images[3, :, :4, :4])
    assert torch.equal(mixed.images[0, :, 4:], images[0, :, 4:])
    assert torch.equal(mixed.images[1, :, 2:, 4:], images[0, :, 2:, 4:])
    assert torch.equal(mixed.images[1, :, :, :4], images[1, :, :, :4])
    assert torch.equal(mixed.images[2], images[2])
    assert torch.equal(mixed.images[3], images[2])


def test_boxes_around_by_hand() -> None:
    # half a view of side 8 is 5.66 long: 2 to either side; a quarter kept is 6.93: 3 to either side, cut off
    boxes = boxes_around(np.array([0.5, 0.25, 1.0]), np.array([[4, 1, 3], [5, 7, 3]]), 8)
    assert boxes.tolist() == [[2, 6, 3, 7], [0, 4, 4, 8], [3, 3, 3, 3]]


def test_mixup_is_torchvisions(images: torch.Tensor) -> None:
    mixed = mix(images, Augment(mixup=0.4), seed=7)
    assert mixed is not None
    for number, weight in enumerate(mixed.weight.tolist()):
        what = {"batch_size": 4, "labels": torch.arange(4), "lam": weight}
        peer = v2.MixUp(num_classes=4).transform(images, what)
        targets = v2.MixUp(num_classes=4).transform(what["labels"], what)
        torch.testing.assert_close(mixed.images[number], peer[number])
        _same_target(targets[number], number, int(mixed.partner[number]), weight)


def test_cutmix_is_torchvisions(images: torch.Tensor) -> None:
    mixed = mix(images, Augment(cutmix=1.0), seed=7)
    assert mixed is not None
    for number in range(4):
        box = (mixed.images[number] != images[number]).all(0).nonzero()
        (top, left), (bottom, right) = box.min(0).values.tolist(), (box.max(0).values + 1).tolist()
        weight = 1 - len(box) / 64
        assert mixed.weight[number] == weight
        what = {"batch_size": 4, "labels": torch.arange(4), "box": (left, top, right, bottom), "lam_adjusted": weight}
        peer = v2.CutMix(num_classes=4).transform(images, what)
        targets = v2.CutMix(num_classes=4).transform(what["labels"], what)
        assert torch.equal(mixed.images[number], peer[number])
        _same_target(targets[number], number, int(mixed.partner[number]), weight)


def _same_target(peer: torch.Tensor, own: int, partner: int, weight: float) -> None:
    target = torch.zeros(4)
    target[own] += weight
    target[partner] += 1 - weight
    torch.testing.assert_close(peer, target)


def test_a_blend_is_mostly_its_own_image() -> None:
    mixed = mix(torch.zeros((2000, 1, 1, 1)), Augment(mixup=1.0), seed=0)
    assert mixed is not None
    assert 0.5 <= mixed.weight.min() < 0.51
    torch.testing.assert_close(mixed.weight.mean(), torch.tensor(0.75), atol=0.02, rtol=0)  # Beta(1, 1) is uniform
    assert mixed.weight.dtype == torch.float32
    assert mixed.partner.dtype == torch.int64


def test_where_both_are_given_each_batch_draws_one(images: torch.Tensor) -> None:
    pasted = 0
    for seed in range(60):
        mixed = mix(images, Augment(mixup=1.0, cutmix=1.0), seed)
        assert mixed is not None
        own, other = images, images[mixed.partner]
        pasted += bool(((mixed.images == own) | (mixed.images == other)).all())
    assert 15 < pasted < 45


def test_draws_depend_on_the_seed_alone_and_images_stay_as_they_are(images: torch.Tensor) -> None:
    before = images.clone()
    for config in (Augment(mixup=0.4), Augment(cutmix=1.0)):
        torch.manual_seed(0)
        first = mix(images, config, seed=1)
        torch.manual_seed(1)
        again, other = (mix(images, config, seed) for seed in (1, 2))
        assert first is not None
        assert again is not None
        assert other is not None
        assert torch.equal(first.images, again.images)
        assert torch.equal(first.weight, again.weight)
        assert not torch.equal(first.weight, other.weight)
    assert torch.equal(images, before)


def test_one_image_alone_is_mixed_with_itself() -> None:
    one = torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    for config in (Augment(mixup=0.4), Augment(cutmix=1.0)):
        mixed = mix(one, config, seed=0)
        assert mixed is not None
        torch.testing.assert_close(mixed.images, one)
        assert mixed.partner.tolist() == [0]
