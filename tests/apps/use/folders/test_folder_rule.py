"""The level of most images is that of the classes; what lies elsewhere is left out by pattern or by level."""

from graft.apps.use.folders.folder_rule import FolderRule, folder_rule


def rule(*folders: str, each: int = 4) -> FolderRule:
    """The rule for some images in each folder."""
    return folder_rule([f"{folder}/{number}.jpg" for folder in folders for number in range(each)])


def test_class_folders_side_by_side_need_no_more() -> None:
    assert rule("cat", "dog") == FolderRule({"rule": "folder"}, [], [])


def test_a_class_of_another_depth_is_the_same_class() -> None:
    assert rule("train/cat", "train/dog", "cat").only == []


def test_a_folder_at_another_level_is_left_out_by_its_path() -> None:
    found = rule("train/cat", "train/dog", "Meta [1]")
    assert (found.labels, found.only) == ({"rule": "folder"}, ["!/Meta [[]1]/*"])


def test_pictures_beside_the_folders_of_classes_are_left_out_by_level() -> None:
    found = rule("dog/husky", "dog/pug", "cat/siamese", "cat")
    assert (found.labels["pattern"], found.only) == ("^[^/]+/(?P<label>[^/]+)/", [])


def test_without_class_folders_there_is_no_rule() -> None:
    assert rule("images") == FolderRule({"rule": "folder"}, [], [])
