"""What is none of the task is found by names and sizes, and a class is not taken for it."""

from pathlib import Path

import pytest

from graft.apps.use.folders.asides import find_asides
from graft.data.raw import names
from graft.index.config import Index
from tests.apps.use.trees import plant


def patterns(root: Path) -> list[str]:
    """Patterns of what is found, which leave out just that."""
    images = names(root)
    found = find_asides(root, images)
    for aside in found:
        assert {*aside.paths} <= {path for path in images if not Index(only=[aside.pattern]).takes(path)}
    return [aside.pattern for aside in found]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a/images/1.png", "a/masks/1.png"], ["!*/masks/*"]),
        (["a/img/1.png", "a/mask/1.png"], ["!*/mask/*"]),
        (["a/x1.png", "b/y1.png", "gt/x1.png", "gt/y1_mask.png"], ["!*/gt/*"]),
        (["a/1.png", "ground_truth/1.png", "images/2.png"], ["!*/ground_truth/*"]),
        (["cat/1.png", "Preview/1.png"], ["!*/Preview/*"]),
        (["a/1.png", "a/1_mask.png", "a/2.png", "a/2_mask.png", "a/2_mask_1.png"], ["!*_mask.*", "!*_mask[[]_0-9-]*"]),
        (["mask/1.png", "no_mask/1.png"], []),
        (["with_mask/with_mask_1.png", "without_mask/without_mask_1.png"], []),
    ],
)
def test_names_that_say_it(tmp_path: Path, files: list[str], expected: list[str]) -> None:
    plant(tmp_path, *files)
    assert patterns(tmp_path) == [pattern.replace("[[]", "[") for pattern in expected]


def test_a_folder_of_copies_is_left_out_but_not_that_of_another_split(tmp_path: Path) -> None:
    for folder in ("cat", "backup", "train/dog", "test/dog"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(3):
            (tmp_path / folder / f"{folder[-3:].replace('kup', 'cat')}{number}.bmp").write_bytes(bytes([number] * 9))
    assert patterns(tmp_path) == ["!/cat/*"]
    (tmp_path / "cat" / "cat0.bmp").write_bytes(b"other bytes"[:9])
    assert patterns(tmp_path) == []
