"""Ids in names are found where they repeat, and no class, date or counter is taken for one."""

import re

import pytest

from graft.data.name_groups import name_groups


def paths(*templates: str, ids: int = 4, each: int = 3) -> tuple[list[str], list[str]]:
    """Images of some ids and a few of each, by templates that begin with the folder of their class."""
    made = [
        (template.format(id=id + 20 * rank, n=n), template.partition("/")[0])
        for rank, template in enumerate(templates)
        for id in range(1, ids + 1)
        for n in range(each)
    ]
    return [path for path, _ in made], [label for _, label in made]


@pytest.mark.parametrize(
    ("templates", "example"),
    [
        (["ill/person{id}_bacteria_{n}.jpg", "well/person{id}_none_{n}.jpg"], "person1"),
        (["ill/case{id}_slice{n}.png", "well/case{id}_slice{n}.png"], "case1"),
        (["ill/Patient-{id}/{n}.png", "well/patient-{id}/{n}.png"], "Patient-1"),
        (["a/x_{id}_jpg.rf.0f{n}.jpg", "b/y_{id}_jpg.rf.0f{n}.jpg"], "x_1_jpg"),
        (["a/IM-{id:04d}-{n:04d}.jpeg", "b/IM-{id:04d}-{n:04d}.jpeg"], "IM-0001"),
        (["0/00000_{id:05d}_{n:05d}.ppm", "1/00001_{id:05d}_{n:05d}.ppm"], "00000_00001"),
        (["a/photo{id} ({n}).jpg", "b/photo{id} ({n}).jpg"], "photo1"),
    ],
)
def test_ids_that_repeat_are_groups(templates: list[str], example: str) -> None:
    names, labels = paths(*templates)
    found = name_groups(names, labels)
    assert found is not None
    assert found.example == example
    assert len(set(found.ids)) == 8
    assert [match["group"] for name in names if (match := re.search(found.pattern, name))] == found.ids


@pytest.mark.parametrize(
    "templates",
    [
        ["cat/cat.{id}{n}.jpg", "dog/dog.{id}{n}.jpg"],
        ["n01/n01443537_{id}{n}.JPEG", "n02/n02443537_{id}{n}.JPEG"],
        ["cat/IMG_{id}00{n}.jpg", "dog/IMG_{id}00{n}.jpg"],
        ["cat/IMG_2019040{id}_12345{n}.jpg", "dog/IMG_2019040{id}_12345{n}.jpg"],
        ["a/showcase{id}{n}.jpg", "b/showcase{id}{n}.jpg"],
        ["a/case{id}{n}.jpg", "b/case{id}{n}.jpg"],
        ["a/shot{id}_{n}37.jpg", "b/shot{id}_{n}37.jpg"],
        ["ill/site1_{id}{n}.jpg", "well/site2_{id}{n}.jpg"],
    ],
)
def test_counters_dates_and_other_names_of_a_class_are_none(templates: list[str]) -> None:
    assert name_groups(*paths(*templates)) is None


def test_an_image_without_an_id_is_of_no_group() -> None:
    names, labels = paths("ill/person{id}_{n}.jpg", "well/person{id}_{n}.jpg")
    found = name_groups([*names, "well/other.jpg"], [*labels, "well"])
    assert found is not None
    assert found.ids[-1] == ""
