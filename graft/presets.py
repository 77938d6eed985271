"""Presets: values of params.yaml for a dataset or a recipe, written over what stands there."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from graft import atomic
from graft.errors import ParamsError, nearest

FOLDER = Path("presets")


def names() -> list[str]:
    """Names of the presets in the folder ``presets``."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def apply_preset(name: str, file: Path) -> list[str]:
    """Write a preset's values into params.yaml, keeping comments and all that it does not name.

    A section that describes what the pictures are (``source``, ``labels``, ``split``) is replaced
    whole; in others only the keys that the preset names change.

    Returns:
        One line for each value that changed, ``split.by: group -> random``.

    Raises:
        ParamsError: there is no such preset.
    """
    preset_file = FOLDER / f"{name}.yaml"
    if not preset_file.is_file():
        raise ParamsError(f"no preset {name!r}{nearest(name, names())}; there are {', '.join(names())}")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    document, preset = yaml.load(file.read_text(encoding="utf-8")), yaml.load(preset_file.read_text(encoding="utf-8"))
    changed = list(_merge(document, preset, ""))
    if changed:
        with atomic.new_file(file) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
            yaml.dump(document, stream)
    return changed


WHOLE = ("source", "labels", "split")


def _merge(old: MutableMapping[str, Any], new: MutableMapping[str, Any], where: str) -> Iterator[str]:
    """Bring `old` to say what `new` says, yielding what changed."""
    for key, value in new.items():
        place = f"{where}{key}"
        if isinstance(value, MutableMapping) and isinstance(old.get(key), MutableMapping):
            yield from _merge(old[key], value, f"{place}.")
        elif key not in old or old[key] != value:
            yield f"{place}: {old.get(key)} -> {value}"
            old[key] = value
    if where.split(".", maxsplit=1)[0] in WHOLE:
        for key in [key for key in old if key not in new]:
            yield f"{where}{key}: {old.pop(key)} -> removed"
