"""Test sets that differ are told apart, and the reasons named."""

import dataclasses

import pandas as pd

from graft.apps.compare.match import match, mismatch_error
from graft.apps.compare.run import ParamChange
from tests.apps.compare.made_up_runs import labels, names, pair, run


def test_the_same_questions_match() -> None:
    found = match(*pair(9, [0], [1]))
    assert found.same
    assert found.both == names(9)


def test_everything_that_differs_is_said() -> None:
    told = labels(12)
    a = run(told[:10], told[:10], "v1", paths=names(12)[:10])
    turned = ["owl", *told[5:11]]
    b = run(turned, turned, "v2", paths=names(12)[4:11])
    places = pd.DataFrame({"split": ["train", "train", "valid"]}, index=pd.Index(names(12)[:3], name="path"))
    b = dataclasses.replace(b, split=places)
    found = match(a, b)
    assert (len(found.only_a), len(found.only_b), len(found.relabelled), len(found.both)) == (4, 1, 1, 5)
    changed = [ParamChange("lr", "0.1", "0.2"), ParamChange("split.seed", "0", "1")]
    assert str(mismatch_error(a, b, found, changed)).splitlines() == [
        "the test sets of A, v1, and B, v2, differ:",
        "  4 images only in A: images/0000.png, images/0001.png, images/0002.png, ...; "
        "in B, 1 in no split, 2 train, 1 valid",
        "  1 image only in B: images/0010.png",
        "  1 image with another label: images/0004.png (dog in A, owl in B)",
        "  parameters that may explain it:",
        "    split.seed: 0 in A, 1 in B",
        "--common compares the 5 images that both have with the same label",
    ]


def test_other_classes_are_other_questions() -> None:
    a, b = pair(6, [0], [1])
    predicted = b.predictions
    chances = predicted.probabilities.assign(rat=0.0)
    found = match(a, dataclasses.replace(b, predictions=dataclasses.replace(predicted, probabilities=chances)))
    assert not found.same
    assert "  1 class only in B: rat" in str(mismatch_error(a, b, found, []))


def test_nothing_in_common_is_said() -> None:
    told = labels(3)
    a, b = run(told, told, paths=["a", "b", "c"]), run(told, told, paths=["d", "e", "f"])
    assert str(mismatch_error(a, b, match(a, b), [])).endswith("so there is nothing to compare")
