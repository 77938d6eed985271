"""Presets: values of params.yaml for a dataset or a recipe, written over what stands there."""

import itertools
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from graft.apps.new import TEMPLATE
from graft.core.addresses import shown
from graft.core.errors import ParamsError, nearest
from graft.core.files import new_file

FOLDERS = (TEMPLATE / "presets", Path("presets"))
"""Graft's own and the project's; of two with one name the project's is taken."""

ABOUT = "about"  # the key of a preset that is none of params.yaml: what a person should know before using it
WHOLE = ("source", "labels", "split")  # what the pictures are: replaced whole, for half of an old one means nothing


BACKBONES = "backbones"  # the folder of presets of networks, among the others


def names(kind: str = "") -> list[str]:
    """Names of the presets that graft brings, and of those in the project's folder ``presets``.

    Args:
        kind: `BACKBONES` for those of networks.
    """
    return sorted(_files(kind))


def _files(kind: str) -> dict[str, Path]:
    return {file.stem: file for folder in FOLDERS for file in (folder / kind).glob("*.yaml")}


def read_preset(name: str, kind: str = "") -> tuple[dict[str, Any], str]:
    """Return a preset's values, and what it says about itself.

    Raises:
        ParamsError: there is no such preset.
    """
    file = _files(kind).get(name)
    if file is None:
        known = names(kind)
        raise ParamsError(
            f"no preset {name!r}{' of a backbone' * (kind == BACKBONES)}{nearest(name, known)}; "
            f"there are {', '.join(known)}"
        )
    from ruamel.yaml import YAML  # late: the names alone are asked for by every command's start

    values = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    return values, values.pop(ABOUT, "").strip()


def write_values(values: Mapping[str, Any], file: Path, dry_run: bool = False) -> list[str]:
    """Write values into params.yaml, keeping comments and all that they do not name.

    A section in `WHOLE` is replaced whole; in others only the keys that are named change; none in a dry run.

    Returns:
        One line for each value that changed, ``split.by: group -> random``.
    """
    document = read_document(file)
    changed = list(_merge(document, values, ""))
    if changed and not dry_run:
        write_document(document, file)
    return changed


def read_document(file: Path) -> Any:
    """Read params.yaml for changing: a mapping that keeps comments, quotes and order.

    Raises:
        ParamsError: it is not there, or no mapping in YAML.
    """
    from ruamel.yaml.error import YAMLError  # late, as above

    try:
        document = _round_trip().load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ParamsError(f"{file}: cannot be read: {error}") from error
    if not isinstance(document, MutableMapping):
        raise ParamsError(f"{file}: expected a mapping; got {document!r}")
    _part(document)
    return document


def write_document(document: Any, file: Path) -> None:
    """Write what `read_document` read and others changed."""
    with new_file(file) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        _round_trip().dump(document, stream)


def _merge(old: MutableMapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[str]:
    """Bring `old` to say what `new` says, yielding what changed."""
    for key, value in new.items():
        place = f"{where}{key}"
        if isinstance(value, Mapping) and isinstance(old.get(key), MutableMapping):
            yield from _merge(old[key], value, f"{place}.")
        elif key not in old or old[key] != value:
            yield f"{place}: {_short(old.get(key))} -> {_short(value)}"
            old[key] = value
            move_comment(old, key)
    if where.split(".", maxsplit=1)[0] in WHOLE:
        for key in [key for key in old if key not in new]:
            yield f"{where}{key}: {_short(old.pop(key))} -> removed"


def _round_trip() -> Any:
    """Make a reader and writer that keeps comments and quotes, and writes null as ``null``, lists in brackets."""
    from ruamel.yaml import YAML, RoundTripRepresenter  # late, as above

    class Representer(RoundTripRepresenter):
        """Of values that are written."""

    tag = "tag:yaml.org,2002:"
    Representer.add_representer(type(None), lambda self, _: self.represent_scalar(f"{tag}null", "null"))
    Representer.add_representer(
        list,  # of mappings, each in lines of its own
        lambda self, items: self.represent_sequence(
            f"{tag}seq", items, flow_style=not any(isinstance(one, dict) for one in items)
        ),
    )
    yaml = YAML()
    yaml.Representer = Representer
    yaml.preserve_quotes = True
    yaml.width = 120
    return yaml


def _part(document: Any) -> None:
    """Hang what stands between two sections on the second, so that a key added to the first comes before it.

    ruamel keeps it with the comment of the last value before, however deep that lies.
    """
    keys = list(document)
    for key, following in itertools.pairwise(keys):
        holder, last = document, key
        while inner := _last_within(holder[last]):
            holder, last = inner
        put_before(document, following, split_comment(holder, last))


def _last_within(value: Any) -> tuple[Any, Any] | None:
    """A mapping in lines of its own, and its last key; so of a list the last mapping. None of anything else."""
    if isinstance(value, MutableMapping) and value and not value.fa.flow_style():  # type: ignore[attr-defined]
        return value, next(reversed(value))
    if isinstance(value, list) and value and isinstance(value[-1], MutableMapping):
        return _last_within(value[-1])
    return None


def split_comment(holder: Any, key: str) -> str:
    """Leave a key the comment on its own line; return the lines after it, which belong to what follows."""
    if (token := _comment(holder, key)) is None:
        return ""
    comment, _, rest = token.value.partition("\n")
    token.value = f"{comment}\n"
    return str(rest)


def put_before(holder: Any, key: str, lines: str) -> None:
    """Put lines of comment, or empty ones, before a key."""
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.tokens import CommentToken

    if lines:
        before = holder.ca.items.setdefault(key, [None] * 4)
        before[1] = [*(before[1] or []), CommentToken(lines, CommentMark(0))]


def move_comment(holder: Any, key: str) -> None:
    """Put the comment behind a value three spaces away from it, however long key and value now are."""
    token = _comment(holder, key)
    if token is not None and token.value.strip():
        token.start_mark.column, token.value = 0, f"  {token.value.lstrip()}"


def _comment(holder: Any, key: str) -> Any:
    """What ruamel read behind a value, to the next one; None if nothing."""
    return holder.ca.items[key][2] if key in holder.ca.items else None


def _short(value: Any) -> str:
    text = shown(str(value))
    return text if len(text) <= 80 else f"{text[:77]}..."
