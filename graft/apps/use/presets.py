"""Presets: values of params.yaml for a dataset or a recipe, written over what stands there."""

import itertools
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from graft.core.addresses import shown
from graft.core.errors import ParamsError, nearest
from graft.core.files import new_file

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
    yaml = _round_trip()
    document = yaml.load(file.read_text(encoding="utf-8"))
    _part(document)
    changed = list(_merge(document, values, ""))
    if changed and not dry_run:
        with new_file(file) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
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
            old[key] = _flow(value)
            if (
                token := _comment(old, key)
            ) is not None and token.value.strip():  # three spaces away, however long the value now is
                token.start_mark.column, token.value = 0, f"  {token.value.lstrip()}"
    if where.split(".", maxsplit=1)[0] in WHOLE:
        for key in [key for key in old if key not in new]:
            yield f"{where}{key}: {_short(old.pop(key))} -> removed"


def _round_trip() -> Any:
    """Make a reader and writer that keeps comments and quotes, and writes null as ``null``."""
    from ruamel.yaml import YAML, RoundTripRepresenter  # late, as above

    class Representer(RoundTripRepresenter):
        """Of values that are written."""

    Representer.add_representer(type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null"))
    yaml = YAML()
    yaml.Representer = Representer
    yaml.preserve_quotes = True
    yaml.width = 120
    return yaml


def _part(document: Any) -> None:
    """Hang what stands between two sections on the second, so that a key added to the first comes before it.

    ruamel keeps it with the comment of the last value before, however deep that lies.
    """
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.tokens import CommentToken

    keys = list(document)
    for key, following in itertools.pairwise(keys):
        holder, last = document, key
        while isinstance(holder[last], MutableMapping) and holder[last] and not holder[last].fa.flow_style():
            holder, last = holder[last], next(reversed(holder[last]))
        if (token := _comment(holder, last)) is not None:
            comment, _, between = token.value.partition("\n")
            token.value = f"{comment}\n"
            if between:
                document.ca.items.setdefault(following, [None] * 4)[1] = [CommentToken(between, CommentMark(0))]


def _comment(holder: Any, key: str) -> Any:
    """What ruamel read behind a value, to the next one; None if nothing."""
    return holder.ca.items[key][2] if key in holder.ca.items else None


def _flow(value: Any) -> Any:
    """A value as it is to be written: lists in brackets."""
    from ruamel.yaml.comments import CommentedSeq

    if isinstance(value, Mapping):
        return {key: _flow(inner) for key, inner in value.items()}
    if isinstance(value, list):
        listed = CommentedSeq(value)
        listed.fa.set_flow_style()
        return listed
    return value


def _short(value: Any) -> str:
    text = shown(str(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
