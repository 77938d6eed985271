"""params.yaml, read as DVC reads it and checked strictly.

DVC follows YAML 1.2, where ``3e-3`` and ``1e-05`` are numbers and ``yes`` is text; PyYAML follows
YAML 1.1, where it is the other way round. A stage must see the value that DVC records, so the
loader below is PyYAML's parser with the scalars of YAML 1.2's core schema, and with the underscores
in numbers that DVC's reader lets pass.

Source: YAML 1.2.2, section 10.3.2, https://yaml.org/spec/1.2.2/#103-core-schema
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from graft.core.errors import ParamsError, nearest

KEYS = (
    "lr",
    "seed",
    "source",
    "labels",
    "index",
    "split",
    "audit",
    "presize",
    "backbone",
    "embed",
    "train_head",
    "augment",
    "finetune",
    "evaluate",
    "export",
)
"""Every top-level key of params.yaml; anything else is a spelling mistake."""

LearningRate = Annotated[float, Field(gt=0, le=10)]
"""The base learning rate: the one number users turn."""

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""Root of every random draw of training; each purpose derives its own (`graft.core.seeds`)."""


SHOULD = "input should be "
"""How most of what would be right is said."""


class Section(BaseModel):
    """A section of params.yaml: immutable, every key known, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class _CoreLoader(yaml.SafeLoader):
    """PyYAML with YAML 1.2's idea of a number, and no key twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise ParamsError(f"a {type(key).__name__} cannot be a key, at line {key_node.start_mark.line + 1}")
            if key in seen:
                raise ParamsError(f"the key {key!r} stands twice, again at line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?([0-9][0-9_]*|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+)", list("-+0123456789")),
    (
        "float",
        r"[-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|[-+]?\.[0-9][0-9_]*([eE][-+][0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)


def _construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    return int(text, 0) if text.lstrip("+-").startswith(("0b", "0o", "0x")) else int(text)


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def parse_yaml(text: str) -> Any:
    """Parse YAML text under the 1.2 core schema.

    Raises:
        ParamsError: the text is not YAML, or a mapping has a key twice.
    """
    try:
        return yaml.load(text, Loader=_CoreLoader)  # noqa: S506 - a SafeLoader by descent
    except yaml.YAMLError as error:
        raise ParamsError(f"not valid YAML: {error}") from error


def load(path: Path) -> dict[str, Any]:
    """Read params.yaml and check that every top-level key is a known one.

    Raises:
        ParamsError: the file is absent, not a mapping, or has an unknown or missing key.
    """
    if not path.is_file():
        raise ParamsError(f"{path}: no such file; graft runs in the folder that holds params.yaml")
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except (ParamsError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: {error}") from error
    if not isinstance(values, dict):
        raise ParamsError(f"{path}: expected a mapping of {', '.join(KEYS)}; got {_shown(values)}")
    for key in values:
        if key not in KEYS:
            hint = nearest(str(key), KEYS)
            raise ParamsError(f"{path}: unknown key {key!r}{hint}; the keys are {', '.join(KEYS)}")
    for key in KEYS:
        if key not in values:
            raise ParamsError(f"{path}: the key {key!r} is missing")
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


def _explain(key: str, kind: Any, value: Any, problems: list[Any]) -> Iterator[str]:
    """Say pydantic's problems, a line a place: dotted key, what would be right, the value given, the nearest name."""
    places = [_place(problem, value) for problem in problems]
    together: dict[tuple[str | int, ...], list[Any]] = {}
    for place, problem in zip(places, problems, strict=True):
        deeper = any(other[: len(place)] == place and len(other) > len(place) for other in places)
        # where one reading of a value fails only within, that it is no other kind of value need not be told
        if not (deeper and len(place) < len(problem["loc"])):
            together.setdefault(place, []).append(problem)
    for place, here in together.items():
        yield f"{'.'.join([key, *map(str, place)])}: {_wrong(here, place, kind)}"


def _place(problem: Any, value: Any) -> tuple[str | int, ...]:
    """Keys and numbers on the way to a problem; what pydantic says of a union's member is no part of it."""
    place: list[str | int] = []
    for part in problem["loc"]:
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int)):
            value = value[part]
            place.append(part)
    return (*place, problem["loc"][-1]) if problem["type"] == "missing" else tuple(place)


def _wrong(problems: list[Any], place: tuple[str | int, ...], kind: Any) -> str:
    """Say what would be right at one place, and what stands there."""
    first, kinds = problems[0], _kinds(kind, place)
    if first["type"] == "extra_forbidden":
        names = _field_names(_kinds(kind, place[:-1]))
        return f"unknown key{nearest(str(place[-1]), names)}; the names are {', '.join(names)}"
    if first["type"] == "missing":
        return "missing"
    message, *others = (_right(problem, kinds) for problem in problems)
    message += "".join(f", or {other.removeprefix(SHOULD)}" for other in others)
    if first["type"].endswith(("_type", "literal_error")) and type(None) in {one for k in kinds for one in get_args(k)}:
        message += ", or null"
    if first["type"] == "value_error" and isinstance(first["input"], dict):
        return message  # of keys that do not go together: the message names them
    return f"{message}; got {_shown(first['input'])}{_hint(problems)}"


def _right(problem: Any, kinds: list[Any]) -> str:
    """What pydantic says would be right, in words for a file."""
    names = _field_names(kinds)
    if problem["type"] in ("model_type", "dict_type"):
        return f"{SHOULD}a mapping{' of ' if names else ''}{', '.join(names)}"
    if problem["type"] == "too_short":
        return f"input should have at least {problem['ctx']['min_length']} item"
    text = str(problem["msg"]).removeprefix("Value error, ")
    return text[0].lower() + text[1:]


def _hint(problems: list[Any]) -> str:
    """The nearest of the words that are allowed."""
    given = problems[0]["input"]
    allowed = " ".join(str(problem.get("ctx", {}).get("expected", "")) for problem in problems)
    return nearest(given, re.findall(r"'([^']*)'", allowed)) if isinstance(given, str) else ""


def _shown(value: Any) -> str:
    """A value as it stands in YAML, if it is one of the words that Python spells otherwise."""
    return {"None": "null", "True": "true", "False": "false"}.get(repr(value), repr(value))


def _kinds(kind: Any, place: tuple[str | int, ...]) -> list[Any]:
    """Types that may stand at a place inside a section."""
    kinds = [kind]
    for part in place:
        if isinstance(part, int):
            kinds = [item for one in kinds for item in _items(one)]
        else:
            models = [model for one in kinds for model in _models_in(one)]
            kinds = [model.model_fields[part].annotation for model in models if part in model.model_fields]
    return kinds


def _items(annotation: Any) -> list[Any]:
    """Types of the items of every list named anywhere in an annotation."""
    if get_origin(annotation) is list:
        return list(get_args(annotation))
    return [item for part in get_args(annotation) for item in _items(part)]


def _field_names(kinds: list[Any]) -> list[str]:
    """Names of keys that types allow."""
    return sorted({name for one in kinds for model in _models_in(one) for name in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Models named anywhere in an annotation such as ``Table | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def flattened(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Values of a nested mapping under dotted keys; lists are values, and an empty mapping says nothing."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        found |= flattened(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found
