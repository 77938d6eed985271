"""Official lists are seen, and the stages divide by them."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from graft.apps.use.autodetect import Layout, detect_layout
from graft.apps.use.table_rules import read_labels
from graft.core.params import check
from graft.split.assign import assign
from graft.split.config import Split
from tests.apps.use.trees import plant


def put(root: Path, *names: str, **texts: Iterable[str]) -> None:
    """Make empty files, and texts with their suffix after two underscores."""
    lists = {name.replace("__", ".").replace("_", "/"): "\n".join(lines) + "\n" for name, lines in texts.items()}
    for name in (*names, *lists):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name in lists:
            (root / name).write_text(lists[name])
        else:
            plant(root, name)


def staged(root: Path) -> tuple[Layout, dict[str, int]]:
    """The layout, and how many images the stage split puts where."""
    layout = detect_layout(root)
    rows = read_labels(layout.rule.labels, root, layout.images).rows
    images = pd.DataFrame({"sha256": rows["path"], "duplicate_group": rows["path"]})
    return layout, dict(Counter(assign(check("split", Split, layout.split), rows, images)["split"]))


FOOD = [f"{kind}/{n}" for kind in ("apple_pie", "ramen") for n in range(10)]


def test_lists_with_the_class_before_the_name(tmp_path: Path) -> None:
    put(tmp_path, *(f"images/{name}.jpg" for name in FOOD), meta_train__txt=FOOD[::2], meta_test__txt=FOOD[1::2])
    layout, counts = staged(tmp_path)
    assert layout.rule.labels == {
        "rule": "folder",
        "lists": {"files": {"test": "meta/test.txt", "train": "meta/train.txt"}, "where": "../images/{path}.jpg"},
    }
    assert (layout.split["by"], layout.split["column"]) == ("column", "list")
    assert layout.split_why == "the official lists meta/test.txt, meta/train.txt; valid drawn from train"
    assert counts == {"train": 8, "valid": 2, "test": 10}


@pytest.mark.parametrize(
    "line", ["{}.jpg", "images/{}.jpg 3", "images/{}.jpg,3", "/home/x/images/{}.jpg", "images\\{}.jpg"]
)
def test_lines_of_other_forms(tmp_path: Path, line: str) -> None:
    train, test = ([line.format(name) for name in part] for part in (FOOD[::2], FOOD[1::2]))
    put(tmp_path, *(f"images/{name}.jpg" for name in FOOD), splits_train__csv=train, splits_test__csv=test)
    layout, counts = staged(tmp_path)
    assert layout.rule.classes == {"apple_pie": 10, "ramen": 10}
    assert counts == {"train": 8, "valid": 2, "test": 10}


def test_three_lists_are_preferred_to_one_for_two_of_them(tmp_path: Path) -> None:
    put(
        tmp_path,
        *(f"images/{name}.jpg" for name in FOOD),
        train__txt=FOOD[::4],
        val__txt=FOOD[2::4],
        trainval__txt=FOOD[::2],
        test__txt=FOOD[1::2],
    )
    layout, counts = staged(tmp_path)
    assert sorted(layout.rule.labels["lists"]["files"]) == ["test", "train", "val"]
    assert counts == {"train": 5, "valid": 5, "test": 10}


def test_of_several_sets_the_first_of_those_that_list_most_is_taken_and_the_others_told(tmp_path: Path) -> None:
    parts = {"train": FOOD[::2], "test": FOOD[1::2]}
    put(tmp_path, *(f"images/{name}.jpg" for name in FOOD))
    for fold in (1, 2):
        put(
            tmp_path,
            **{f"labels_{name}{fold}__txt": [f"{line}.jpg" for line in lines] for name, lines in parts.items()},
        )
    layout, _ = staged(tmp_path)
    assert layout.rule.labels["lists"]["files"] == {"test": "labels/test1.txt", "train": "labels/train1.txt"}
    assert layout.rule.notes == ("there are other lists, too, such as labels/test2.txt",)


def test_images_of_no_list_are_told(tmp_path: Path) -> None:
    put(tmp_path, *(f"images/{name}.jpg" for name in FOOD), train__txt=FOOD[:5] + FOOD[10:15], test__txt=FOOD[15:18])
    layout, counts = staged(tmp_path)
    assert layout.rule.notes == ("7 labelled pictures stand in no list, and will be in no split",)
    assert counts["excluded"] == 7


@pytest.mark.parametrize(
    "texts",
    [
        {"train__txt": FOOD[::2]},
        {"train__txt": FOOD[::2], "test__txt": FOOD[::2]},
        {"train__txt": ["one", "two"], "test__txt": ["three"]},
        {"valid__txt": FOOD[::2], "test__txt": FOOD[1::2]},
        {"notes__txt": FOOD[::2], "other__txt": FOOD[1::2]},
    ],
    ids=["one alone", "the same images twice", "no images", "no train", "no splits"],
)
def test_what_is_no_official_split_is_not_used(tmp_path: Path, texts: dict[str, list[str]]) -> None:
    put(tmp_path, *(f"images/{name}.jpg" for name in FOOD), **texts)
    layout, _ = staged(tmp_path)
    assert layout.rule.labels == {"rule": "folder"}
    assert layout.split["by"] == "random"
