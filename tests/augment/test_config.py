"""A strength gives the values of the keys that are not given."""

from typing import Any

import pytest

from graft.augment.config import Augment
from graft.core.errors import ParamsError
from graft.core.params import check


def test_standard_is_fastais_default() -> None:
    # what its documentation gives for aug_transforms; p_affine and p_lighting are one key here
    expected = {"flip": "horizontal", "rotate": 10.0, "zoom": 1.1, "warp": 0.2, "lighting": 0.2, "p": 0.75}
    off = {"min_scale": 1.0, "erase": 0.0, "mixup": 0.0, "cutmix": 0.0}
    assert check("augment", Augment, {}).model_dump() == {"strength": "standard"} | expected | off
    assert check("augment", Augment, {"strength": "standard"}) == Augment()


def test_none_varies_nothing() -> None:
    config = Augment(strength="none")
    assert config.flip == "none"
    assert config.only_flips
    assert (config.lighting, config.erase, config.mixup, config.cutmix) == (0, 0, 0, 0)


@pytest.mark.parametrize("key", ["rotate", "warp", "lighting"])
def test_light_is_half_of_standard_and_strong_more_than_it(key: str) -> None:
    light, standard, strong = (
        getattr(check("augment", Augment, {"strength": name}), key) for name in ("light", "standard", "strong")
    )
    assert light == standard / 2
    assert 1.5 * standard - 1e-9 <= strong <= 2 * standard


def test_only_strong_erases() -> None:
    shares = {
        name: check("augment", Augment, {"strength": name}).erase for name in ("none", "light", "standard", "strong")
    }
    assert shares == {"none": 0, "light": 0, "standard": 0, "strong": 0.25}


def test_a_key_that_is_given_overrides_and_null_does_not() -> None:
    given = {"strength": "none", "flip": "both", "rotate": None, "warp": 0.1, "p": None}
    config = check("augment", Augment, given)
    assert (config.flip, config.rotate, config.warp, config.zoom, config.p) == ("both", 0.0, 0.1, 1.0, 0.75)
    assert check("augment", Augment, {"strength": None}) == Augment()


def test_a_zero_overrides_too() -> None:
    assert check("augment", Augment, {"strength": "strong", "rotate": 0.0, "erase": 0.0}).rotate == 0


@pytest.mark.parametrize(
    ("config", "only"),
    [
        ({"flip": "dihedral"}, True),
        ({"lighting": 0.3, "erase": 0.5}, True),
        ({"rotate": 1.0}, False),
        ({"zoom": 1.1}, False),
        ({"warp": 0.1}, False),
        ({"min_scale": 0.9}, False),
    ],
)
def test_only_flips(config: dict[str, Any], only: bool) -> None:
    assert check("augment", Augment, {"strength": "none"} | config).only_flips is only


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"strength": "strongest"},
            r"augment.strength: input should be .*; got 'strongest' \(did you mean 'strong'\?\)",
        ),
        ({"strength": ["strong"]}, r"augment.strength: input should be .*; got \['strong'\]"),
        ({"strength": "light", "rotat": 1.0}, r"augment.rotat: unknown key \(did you mean 'rotate'\?\)"),
        ({"warp": 0.5}, "augment.warp: input should be less than or equal to 0.35; got 0.5"),
        ({"min_scale": 0.0}, "augment.min_scale: input should be greater than 0; got 0.0"),
        ({"flip": "vertica"}, r"augment.flip: .*got 'vertica' \(did you mean 'vertical'\?\)"),
        ({"mixup": -1.0}, "augment.mixup: input should be greater than or equal to 0; got -1.0"),
        ([], r"augment: input should be a mapping of cutmix, .*; got \[\]"),
    ],
    ids=["strength", "no name", "misspelt", "warp", "crop of nothing", "flip", "alpha", "no mapping"],
)
def test_what_is_wrong_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        check("augment", Augment, value)
