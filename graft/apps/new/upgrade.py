"""``graft upgrade``: take the graft that is installed now into use in a project that `graft new` made."""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from graft.apps.new import template
from graft.core.errors import GraftError
from graft.core.files import write_json, write_text
from graft.core.installed import RECORD, differences, digest_of, read_record
from graft.core.params import parse_yaml

PIPELINE = Path("dvc.yaml")


def upgrade() -> Iterator[str]:
    """Record the installed code, and bring the files up to date that the user did not edit.

    Yields:
        What differs, what became of each file, and which stages run again.

    Raises:
        GraftError: the folder holds no project that `graft new` made.
        StageError: its record cannot be read.
    """
    if not RECORD.is_file():
        raise GraftError(
            f"{RECORD}: no such file; `graft upgrade` runs in the folder of a project that `graft new` made"
        )
    old, before, texts = read_record(), _stages(), template.project_files()
    new = template.record({name: digest_of(text) for name, text in texts.items()})
    yield f"graft {old['graft']} -> {new['graft']}" if old["graft"] != new["graft"] else f"graft {new['graft']}"
    if changed := differences(old["parts"], new["parts"]):
        yield f"differing from {RECORD}: {', '.join(changed)}"
    written: set[str] = set()
    for name, text in texts.items():
        yield from _bring(Path(name), text, old["files"].get(name), written)
    for name in sorted(old["files"].keys() - texts):
        yield from _retire(Path(name), old["files"][name])
    write_json(RECORD, new)
    again = _stale(old["code"], new["code"], before, _stages(), written)
    follow = ", and what follows from them where their output differs" if again else ""
    yield f"`dvc repro` runs again: {', '.join(again) or 'nothing'}{follow}"


def _bring(path: Path, text: str, known: str | None, written: set[str]) -> Iterator[str]:
    """Write a file as graft has it now, unless the user edited it: then show what is new in graft's."""
    here = path.read_text(encoding="utf-8") if path.exists() else None
    if here == text:
        return
    if here is None or digest_of(here) == known:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
        written.add(path.as_posix())
        yield f"{path}: {'written' if here is None else 'brought up to date'}"
    elif digest_of(text) != known:
        yield f"{path}: you edited it, so it stays as it is; graft's own differs from it now as follows"
        names = f"{path} as it is", f"{path} of graft"
        yield from difflib.unified_diff(here.splitlines(), text.splitlines(), *names, lineterm="")


def _retire(path: Path, known: str) -> Iterator[str]:
    """Remove a file that graft no longer has, unless the user edited it."""
    if path.exists() and digest_of(path.read_text(encoding="utf-8")) == known:
        path.unlink()
        yield f"{path}: removed, for graft no longer has it"
    elif path.exists():
        yield f"{path}: graft no longer has it; you edited it, so it stays"


def _stages() -> dict[str, Any]:
    """Stages of the project's dvc.yaml, each item of a `foreach` by its own name, as DVC calls it."""
    found: dict[str, Any] = {}
    for name, stage in parse_yaml(PIPELINE.read_text(encoding="utf-8"))["stages"].items():
        found |= {f"{name}@{item}": stage for item in stage["foreach"]} if "foreach" in stage else {name: stage}
    return found


def _stale(
    old: dict[str, str], new: dict[str, str], before: dict[str, Any], after: dict[str, Any], written: Collection[str]
) -> list[str]:
    """Stages whose installed code, place in dvc.yaml or own script differ."""
    return [
        name
        for name, stage in after.items()
        if old.get(name) != new.get(name)
        or before.get(name) != stage
        or not set(written).isdisjoint(map(str, stage.get("do", stage).get("deps", [])))
    ]
