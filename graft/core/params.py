"""params.yaml, read as DVC reads it and checked strictly.

DVC follows YAML 1.2, where ``3e-3`` and ``1e-05`` are numbers and ``yes`` is text. A stage must see the
value that DVC records, so both read with ruamel.yaml.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from graft.core.errors import ParamsError, nearest

SHOULD = "input should be "  # how most of pydantic's messages begin


class Section(BaseModel):
    """A section of params.yaml: immutable, every key known, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class Values(dict[str, Any]):
    """The top-level values of params.yaml; a key that is read and absent is an error of the file."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise ParamsError(f"{self.path}: the key {key!r} is missing{nearest(key, map(str, self))}")


def parse_yaml(text: str) -> Any:
    """Parse YAML 1.2 text into mappings, lists, text, numbers, true, false and null.

    Raises:
        ParamsError: the text is not YAML, a mapping has a key twice, or a value is of another type, such as a date.
    """
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        if isinstance(error, DuplicateKeyError):
            key = str(error.problem).split('"')[1]
            raise ParamsError(f"the key {key!r} stands twice, again at line {line}") from error
        raise ParamsError(f"not valid YAML: {error.problem}, at line {line}") from error
    except YAMLError as error:
        raise ParamsError(f"not valid YAML: {error}") from error
    _check_types(value, ())
    return value


def load(path: Path, known: Collection[str] = ()) -> Values:
    """Read params.yaml.

    Args:
        known: every top-level key; without, a key that is absent is refused when it is read.

    Raises:
        ParamsError: the file is absent, not a mapping, or has an unknown or missing key.
    """
    if not path.is_file():
        raise ParamsError(f"{path}: no such file; graft runs in the folder that holds params.yaml")
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (ParamsError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: expected a mapping of keys such as lr and seed; got {_yaml(content)}")
    values = Values(path, content)
    for key in (*values, *known) if known else ():
        if key not in known:
            hint = nearest(str(key), known)
            raise ParamsError(f"{path}: unknown key {key!r}{hint}; the keys are {', '.join(known)}")
        values[key]  # refused where it is absent
    return values


def check(key: str, kind: Any, value: Any) -> Any:
    """Validate one top-level value against its model or type.

    Raises:
        ParamsError: one line a problem: dotted key, what was given, what is allowed.
    """
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise ParamsError("\n".join(_explain(key, kind, value, error.errors()))) from error


def flattened(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Values of a nested mapping under dotted keys; lists are values, and an empty mapping has none."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        found |= flattened(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found


def _check_types(value: Any, keys: tuple[Any, ...]) -> None:
    """Refuse what YAML can say and JSON, in which DVC compares params, cannot."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str | int | float | None):
                raise ParamsError(f"{_dotted(*keys, key)}: a {type(key).__name__} cannot be a key; put it in quotes")
            _check_types(inner, (*keys, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _check_types(inner, (*keys, number))
    elif not isinstance(value, str | int | float | None):
        name = type(value).__name__
        raise ParamsError(f"{_dotted(*keys)}: {value} is read as a {name}; put it in quotes to have it as text")


def _dotted(*keys: Any) -> str:
    return ".".join(map(str, keys))


def _explain(key: str, kind: Any, value: Any, problems: list[Any]) -> Iterator[str]:
    """Yield pydantic's problems, a line for each location: dotted key, what would be valid, the value given."""
    locations = [_location(problem, value) for problem in problems]
    together: dict[tuple[str | int, ...], list[Any]] = {}
    for location, problem in zip(locations, problems, strict=True):
        deeper = any(other[: len(location)] == location and len(other) > len(location) for other in locations)
        # where one member of a union fails only further within, that the others fail at once is of no interest
        if not (deeper and len(location) < len(problem["loc"])):
            together.setdefault(location, []).append(problem)
    for location, found in together.items():
        yield f"{_dotted(key, *location)}: {_describe(found, location, kind)}"


def _location(problem: Any, value: Any) -> tuple[str | int, ...]:
    """Keys and indices on the way to a problem, without the names that pydantic puts in for members of a union."""
    location: list[str | int] = []
    for part in problem["loc"]:
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int)):
            value = value[part]
            location.append(part)
    return (*location, problem["loc"][-1]) if problem["type"] == "missing" else tuple(location)


def _describe(problems: list[Any], location: tuple[str | int, ...], kind: Any) -> str:
    """Say what would be valid at one location, and what stands there."""
    first, kinds = problems[0], _kinds(kind, location)
    if first["type"] == "extra_forbidden":
        names = _field_names(_kinds(kind, location[:-1]))
        return f"unknown key{nearest(str(location[-1]), names)}; the names are {', '.join(names)}"
    if first["type"] == "missing":
        return "missing"
    message, *others = (_expected(problem, kinds) for problem in problems)
    message += "".join(f", or {other.removeprefix(SHOULD)}" for other in others)
    if first["type"].endswith(("_type", "literal_error")) and type(None) in {one for k in kinds for one in get_args(k)}:
        message += ", or null"
    if first["type"] == "value_error" and isinstance(first["input"], dict):
        return message  # of keys that do not go together: the message names them
    given, allowed = first["input"], " ".join(str(problem.get("ctx", {}).get("expected", "")) for problem in problems)
    hint = nearest(given, re.findall(r"'([^']*)'", allowed)) if isinstance(given, str) else ""
    return f"{message}; got {_yaml(given)}{hint}"


def _expected(problem: Any, kinds: list[Any]) -> str:
    """What pydantic says would be valid, in the words of YAML."""
    names = _field_names(kinds)
    if problem["type"] in ("model_type", "dict_type"):
        return f"{SHOULD}a mapping{' of ' if names else ''}{', '.join(names)}"
    if problem["type"] == "too_short":
        return f"input should have at least {problem['ctx']['min_length']} item"
    text = str(problem["msg"]).removeprefix("Value error, ")
    return text[0].lower() + text[1:]


def _yaml(value: Any) -> str:
    """A value as YAML spells it, where Python spells it otherwise."""
    return {"None": "null", "True": "true", "False": "false"}.get(repr(value), repr(value))


def _kinds(kind: Any, location: tuple[str | int, ...]) -> list[Any]:
    """Types that a section allows at a location."""
    kinds = [kind]
    for part in location:
        found = [one for kind in kinds for one in _models_and_lists(kind)]
        if isinstance(part, int):
            kinds = [item for one in found if get_origin(one) is list for item in get_args(one)]
        else:
            fields = [one.model_fields for one in found if get_origin(one) is None]
            kinds = [names[part].annotation for names in fields if part in names]
    return kinds


def _field_names(kinds: list[Any]) -> list[str]:
    """Names of keys that types allow."""
    models = [one for kind in kinds for one in _models_and_lists(kind) if get_origin(one) is None]
    return sorted({name for model in models for name in model.model_fields})


def _models_and_lists(annotation: Any) -> Iterator[Any]:
    """Yield those named anywhere in an annotation such as ``Table | None``, but for what is in the lists."""
    if get_origin(annotation) is list or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _models_and_lists(part)
