"""Presets: values of params.yaml for a dataset or a recipe, written over what stands there."""

from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from graft import atomic
from graft.errors import ParamsError, nearest
from graft.source.stream import shown

FOLDER = Path("presets")

ABOUT = "about"
"""The key of a preset that is no key of params.yaml: what a person should know before using it."""

WHOLE = ("source", "labels", "split")
"""Sections that describe what the pictures are: replaced whole, for half of an old one means nothing."""


def names() -> list[str]:
    """Names of the presets in the folder ``presets``."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def read_preset(name: str) -> tuple[dict[str, Any], str]:
    """Return a preset's values, and what it says about itself.

    Raises:
        ParamsError: there is no such preset.
    """
    file = FOLDER / f"{name}.yaml"
    if not file.is_file():
        raise ParamsError(f"no preset {name!r}{nearest(name, names())}; there are {', '.join(names())}")
    from ruamel.yaml import YAML  # late: the names alone are asked for by every command's start

    values = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    return values, values.pop(ABOUT, "").strip()


def write_values(values: Mapping[str, Any], file: Path, dry_run: bool = False) -> list[str]:
    """Write values into params.yaml, keeping comments and all that they do not name.

    A section in `WHOLE` is replaced whole; in others only the keys that are named change.

    Args:
        values: sections, as in params.yaml.
        file: params.yaml.
        dry_run: only tell.

    Returns:
        One line for each value that changed, ``split.by: group -> random``.
    """
    from ruamel.yaml import YAML  # as above

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    document = yaml.load(file.read_text(encoding="utf-8"))
    changed = list(_merge(document, values, ""))
    if changed and not dry_run:
        with atomic.new_file(file) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
            yaml.dump(document, stream)
    return changed


def _merge(old: MutableMapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[str]:
    """Bring `old` to say what `new` says, yielding what changed."""
    for key, value in new.items():
        place = f"{where}{key}"
        if isinstance(value, Mapping) and isinstance(old.get(key), MutableMapping):
            yield from _merge(old[key], value, f"{place}.")
        elif key not in old or old[key] != value:
            yield f"{place}: {_short(old.get(key))} -> {_short(value)}"
            old[key] = value
    if where.split(".", maxsplit=1)[0] in WHOLE:
        for key in [key for key in old if key not in new]:
            yield f"{where}{key}: {_short(old.pop(key))} -> removed"


def _short(value: Any) -> str:
    text = shown(str(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
