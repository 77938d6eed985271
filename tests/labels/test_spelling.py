"""Names that a person takes for one are found, and joined under the most frequent."""

from collections import Counter

from graft.labels.spelling import alike, common_names, spelling_warnings

CATS, BEARS, STREETS = ["cat", "Cat", "cat ", "cat\u00a0"], ["B\u00e4r", "Ba\u0308r"], ["Stra\u00dfe", "STRASSE"]
NAMES = Counter({name: 9 - rank for names in (CATS, BEARS, STREETS) for rank, name in enumerate(names)})


def test_names_are_alike_in_case_space_and_form() -> None:
    assert alike(NAMES + Counter(dog=3)) == [BEARS, STREETS, CATS]


def test_the_most_frequent_stands_for_all_without_space_around_it() -> None:
    names = common_names(Counter({" red  fox": 2, "Red Fox": 1, "a": 1}))
    assert names == {" red  fox": "red fox", "Red Fox": "red fox"}


def test_the_warning_names_classes_and_key() -> None:
    assert spelling_warnings({"Cat": 1, "cat ": 2, "dog": 1}) == [
        "the classes 'cat ', 'Cat' differ in case, white space or Unicode form only; labels.normalise: true joins them"
    ]
