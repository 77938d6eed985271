"""What the folders of a dataset mean by their names: a split, a mere container, or a class.

The label rule `folder`, the split by folders and `graft use` ask here, so that no two of them can disagree.
Names are read word by word: ``seg_train``, ``trainingSet`` and ``test1`` are splits as ``train`` and ``test`` are.
What a name means depends on what lies beside it, for one called ``train`` beside ``bus`` is a class.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graft.data.dataset import SPLIT_ALIASES

CONTAINERS = frozenset(
    (
        *("image", "images", "img", "imgs", "picture", "pictures", "pics", "photos", "jpegimages", "jpeg", "jpg"),
        *("png", "data", "dataset", "datasets", "set", "sets", "files"),
    )
)
"""Words for folders that only hold images."""
UNITS = frozenset(
    (
        *("patient", "pat", "person", "subject", "subj", "case", "study", "series", "animal", "module", "scene"),
        *("video", "clip", "session", "lesion", "slide", "specimen", "track", "sequence", "seq", "site", "plant"),
    )
)
"""Words that, with a number behind them, name a thing of which there are several images."""
UNLABELLED = frozenset(("pred", "predict", "prediction", "predictions", "unlabelled", "unlabeled"))
"""Words for folders beside splits whose images have no label."""

_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORDS = re.compile(r"[^\W\d_]+|\d+")


@dataclass(frozen=True, slots=True)
class Folders:
    """What each folder is, by its path; the top is the empty path.

    `splits`: the split of each folder that is one. `containers`: those that say nothing. `classes`: of each folder
    with images, the folder that names their class, itself or one around it; empty where none does.
    """

    splits: dict[str, str]
    containers: set[str]
    classes: dict[str, str]


def words(name: str) -> list[str]:
    """Words of a name in lower case, parted by ``_``, ``-``, spaces, digits and capitals; numbers are words too."""
    return _WORDS.findall(_HUMPS.sub(" ", name).lower())


def read_folders(paths: Iterable[str]) -> Folders:
    """Say what the folders around some images mean."""
    holders = {path.rpartition("/")[0] for path in paths}
    inside: defaultdict[str, set[str]] = defaultdict(set)
    for holder in holders:
        for folder in around(holder):
            inside[folder.rpartition("/")[0]].add(folder)
    splits: dict[str, str] = {}
    containers: set[str] = set()
    for outer in sorted(inside, key=lambda folder: (folder.count("/"), folder)):  # from the top down
        _judge(outer, inside[outer], splits, containers)
    holds_none = splits.keys() | containers
    return Folders(splits, containers, {holder: _class_folder(holder, inside, holds_none) for holder in holders})


def split_folders(paths: Iterable[str]) -> dict[str, str]:
    """Split of each folder around some images that is one."""
    return read_folders(paths).splits


def around(folder: str) -> Iterator[str]:
    """A folder and those around it, but for the top, the innermost first."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _judge(outer: str, siblings: set[str], splits: dict[str, str], containers: set[str]) -> None:
    """Find the splits and the containers among folders that lie side by side in `outer`."""
    families: defaultdict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    rests: dict[str, tuple[str, ...]] = {}
    for folder in sorted(siblings):
        name = folder.rpartition("/")[2]
        if name == outer.rpartition("/")[2] and outer in splits.keys() | containers:  # seg_train/seg_train
            containers.add(folder)
            continue
        parts = [word for word in words(name) if not word.isdigit()] or [name]
        rests[folder] = tuple(word for word in parts if word not in CONTAINERS and not _split_of(word))
        if split := _split_of(*parts):
            families[rests[folder]][folder] = split
    for members in families.values():  # alike but for the split's name, and two splits or more
        if len(set(members.values())) > 1:
            splits.update(members)
    beside = {rests[folder] for folder in splits if folder in rests}
    for folder, rest in rests.items():
        known = tuple(word for word in rest if word not in UNLABELLED)
        if folder not in splits and len(known) < len(rest) and known in beside:  # seg_pred beside seg_train
            containers.add(folder)
    others = {folder: rest for folder, rest in rests.items() if folder not in splits and folder not in containers}
    for folder, rest in others.items():
        alone = len({*others.values()}) == 1  # part_1_images beside part_2_images
        if (alone or not rest) and not CONTAINERS.isdisjoint(words(folder.rpartition("/")[2])):
            containers.add(folder)
    if not any(others.values()):  # train, and nothing else that could be a class
        splits.update((folder, split) for folder, split in families[()].items() if folder not in containers)


def _split_of(*parts: str) -> str:
    """The split that words name; of training and validation, training, for it is both; empty if none or others."""
    bare = [part.removesuffix("set").removesuffix("data") for part in parts]
    found = {SPLIT_ALIASES[part] for part in (*parts, *bare) if part in SPLIT_ALIASES}
    return "train" if found == {"train", "valid"} else found.pop() if len(found) == 1 else ""


def _class_folder(holder: str, inside: dict[str, set[str]], holds_none: set[str]) -> str:
    """The innermost folder that is no split, container or unit; around such, only one that has others beside it.

    Where there is none around a unit, its folder is a class as any other.
    """
    if holder not in holds_none and not _is_unit(holder):
        return holder
    for folder in around(holder):
        if folder not in holds_none and not _is_unit(folder):
            if len(inside[folder.rpartition("/")[0]] - holds_none) > 1:
                return folder
            break
    return next((folder for folder in around(holder) if _is_unit(folder)), "")


def _is_unit(folder: str) -> bool:
    parts = words(folder.rpartition("/")[2])
    return len(parts) == 2 and parts[0] in UNITS and parts[1].isdigit()
