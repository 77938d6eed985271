"""Find images that are none of the task: masks and other answers drawn as pictures, examples, and copies."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from filecmp import cmp
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path, PurePosixPath

from graft.data.folders import CONTAINERS, around, split_folders, words

CLEAR = frozenset(
    (
        "masks",
        "trimaps",
        "trimap",
        "segmentations",
        "annotations",
        "labels",
        "examples",
        "example",
        "previews",
        "preview",
    )
)
"""Last words of folders that hold no images of the task."""
DRAWN = frozenset(("mask", "label", "segmentation", "annotation", "gt", "groundtruth"))
"""Last words of folders that may: where they are named as the images of another folder, or lie beside ``images``."""
MARK = re.compile(
    r"^(?P<stem>.+?)(?P<mark>[_-](?:mask|masks|seg|segmentation|gt|groundtruth|trimap))(?:[_-]?\d+)?$", re.I
)
"""A name of an answer that is drawn as a picture, ``1_mask.png`` beside ``1.png``."""
COMPARED = 3  # files of a folder that are read, when name and size of all say that it is a copy


@dataclass(frozen=True, slots=True)
class Aside:
    """Images that are left out, by a pattern of `index.only`, and why."""

    pattern: str
    paths: list[str]
    why: str


def find_asides(root: Path, images: Sequence[str]) -> list[Aside]:
    """Find what is none of the task, by names and, for copies, by size; each image is in one at most."""
    asides: list[Aside] = []
    left = list(images)
    for find in (_linked, _by_folder, _by_mark, _copies):
        for aside in find(root, left):
            gone = {*aside.paths} & {*left}
            if gone:
                asides.append(aside)
                left = [path for path in left if path not in gone]
    return asides


def within(folder: str) -> str:
    """The pattern that leaves out what lies within one folder."""
    return f"!/{escape(folder)}/*"


def _linked(root: Path, images: Sequence[str]) -> Iterator[Aside]:
    """Folders that are links to others of the same source; those around them where they hold nothing else."""
    top, known = root.resolve(), {*images}
    links: dict[str, list[str]] = {}
    for folder in sorted(_all_folders(images)):
        if (root / folder).is_symlink():
            there = (root / folder).resolve().relative_to(top).as_posix()
            held = [path for path in images if path.startswith(f"{folder}/")]
            if all(f"{there}{path.removeprefix(folder)}" in known for path in held):
                links[folder] = held
    for outer in sorted({folder.rpartition("/")[0] for folder in links}):
        inner = [folder for folder in links if folder.rpartition("/")[0] == outer]
        held = [path for folder in inner for path in links[folder]]
        alone = outer and len(held) == sum(path.startswith(f"{outer}/") for path in images)
        why = "links to folders whose pictures are taken there"
        for folder in [outer] if alone else inner:
            yield Aside(within(folder), held if alone else links[folder], why)


def _by_folder(root: Path, images: Sequence[str]) -> Iterator[Aside]:
    folders = _all_folders(images)
    beside = {
        folder.rpartition("/")[0] for folder in folders if CONTAINERS.issuperset(words(folder.rpartition("/")[2]))
    }
    for name in sorted({folder.rpartition("/")[2] for folder in folders}):
        said = [word for word in words(name) if not word.isdigit()]
        last = "groundtruth" if said[-2:] == ["ground", "truth"] else said[-1] if said else ""
        if last not in CLEAR | DRAWN:
            continue
        places = {folder for folder in folders if folder.rpartition("/")[2] == name}
        held = [path for path in images if not places.isdisjoint(around(path.rpartition("/")[0]))]
        by_images = all(folder.rpartition("/")[0] in beside for folder in places)
        if last in CLEAR or by_images or _mirror(held, images):
            yield Aside(f"!*/{escape(name)}/*", held, f"the folder {name} holds no pictures of the task, by its name")


def _mirror(held: Sequence[str], images: Sequence[str]) -> bool:
    """Whether images are named as others are, by more than a number."""
    stems = {_stem(path) for path in {*images} - {*held}}
    mirrored = sum(_stem(path) in stems and not _stem(path).isdigit() for path in held)
    return mirrored > 0.8 * len(held)


def _stem(path: str) -> str:
    stem = PurePosixPath(path).stem
    found = MARK.match(stem)
    return found["stem"] if found else stem


def _by_mark(root: Path, images: Sequence[str]) -> Iterator[Aside]:
    known = {path.rpartition(".")[0] for path in images}
    marked: defaultdict[str, list[str]] = defaultdict(list)
    for path in images:
        folder, _, name = path.rpartition("/")
        if (found := MARK.match(PurePosixPath(name).stem)) and f"{folder}/{found['stem']}".removeprefix("/") in known:
            marked[found["mark"]].append(path)
    for mark, paths in marked.items():
        for pattern in (f"*{mark}.*", f"*{mark}[_0-9-]*"):
            held = [path for path in images if fnmatchcase(path, pattern)]
            if {*held} <= {*paths}:  # the pattern takes no other
                yield Aside(f"!{pattern}", held, f"the files ..{mark}.. lie beside the pictures that they belong to")


def _copies(root: Path, images: Sequence[str]) -> Iterator[Aside]:
    """Folders of the same split all of whose images lie in another folder, too, under the same names."""
    split_of = split_folders(images)
    held: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path in images:
        held[path.rpartition("/")[0]][path.rpartition("/")[2]] = path
    holders: defaultdict[tuple[str, int, frozenset[str]], list[str]] = defaultdict(list)  # of a name, size and split
    for folder in sorted(held, key=lambda folder: (-len(held[folder]), folder.count("/"), folder)):
        files = held[folder]
        splits = frozenset(split_of[part] for part in around(folder) if part in split_of)
        keys = [(name, (root / path).stat().st_size, splits) for name, path in files.items()]
        alike = (other for other in holders[keys[0]] if folder and files.keys() <= held[other].keys())
        if (whole := next((other for other in alike if _same(root, files, held[other])), None)) is not None:
            why = f"{folder} holds only copies of what lies in {whole or 'the source itself'}"
            yield Aside(within(folder), [*files.values()], why)
            continue
        for key in keys:
            holders[key].append(folder)


def _same(root: Path, files: dict[str, str], others: dict[str, str]) -> bool:
    pairs = [(root / path, root / others[name]) for name, path in sorted(files.items())]
    if any(one.stat().st_size != other.stat().st_size for one, other in pairs):
        return False
    return all(cmp(*pair, shallow=False) for pair in pairs[:: -(-len(pairs) // COMPARED)])


def _all_folders(images: Sequence[str]) -> set[str]:
    return {folder for holder in {path.rpartition("/")[0] for path in images} for folder in around(holder)}
