"""Write docs/parameters.md from the section classes: ``python -m docs.parameters``.

Types, ranges and defaults come from the JSON schema that pydantic makes of a class, meanings from the
docstring literals under its fields.
"""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from graft.apps.check import MODELS

PAGE = Path(__file__).with_suffix(".md")
PARAMS = Path(__file__).parent.parent / "params.yaml"
Schema = dict[str, Any]

INTRO = """\
# Parameters

<!-- written by `python -m docs.parameters`; edit the docstrings of the section classes instead -->

Every key that `params.yaml` may hold. A key with a default may be left out. Unknown keys and values out of range are \
refused before anything runs; `graft check` checks them all at once. The stages that run again after a change are \
those that name the section in `dvc.yaml`, and what follows from them.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [INTRO, "## lr and seed\n\n" + _table(_single_values())]
    for key, kind in MODELS.items():
        if section := _section(kind):
            about = _plain(inspect.getdoc(section) or "")
            parts.append(f"## {key}\n\n{about}\n\n" + _table(_rows(key, section)))
    return "\n".join(parts)


def keys() -> set[str]:
    """Dotted names of all keys, sections included."""
    rows = [row for key, kind in MODELS.items() if (section := _section(kind)) for row in _rows(key, section)]
    return set(MODELS) | {row[0] for row in rows}


def _section(kind: Any) -> type[BaseModel] | None:
    """The class of a section, which may be allowed alone or in a list."""
    return next(_models_in(kind), None)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _single_values() -> Iterator[tuple[str, str, str, str]]:
    """Rows of the keys that are no sections; what they mean is said beside them in params.yaml."""
    text = PARAMS.read_text(encoding="utf-8")
    for key, kind in MODELS.items():
        if not _section(kind):
            comment = re.search(rf"^{key}:[^#\n]*# (.+)$", text, re.MULTILINE)
            assert comment, f"params.yaml has no comment beside {key}"
            yield key, _allowed(TypeAdapter(kind).json_schema(), {}), "required", comment[1]


def _rows(key: str, model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """Key, what is allowed, default and meaning of each field of a section; a field's own fields follow it."""
    schema = TypeAdapter(model).json_schema()
    yield from _fields(key, model, schema, schema.get("$defs", {}))


def _fields(
    key: str, model: type[BaseModel], schema: Schema, defs: dict[str, Schema]
) -> Iterator[tuple[str, str, str, str]]:
    meanings = _docstrings(model)
    for name, field in schema["properties"].items():
        inner = {id(one): one for one in _models_in(model.model_fields[name].annotation)}.values()
        yield f"{key}.{name}", _allowed(field, defs), _default(name, field, schema), meanings.get(name, "")
        for one in inner:
            yield from _fields(f"{key}.{name}", one, defs[one.__name__], defs)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if _is_section(annotation):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The string literal below each field of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[field.target.id] = _plain(inspect.cleandoc(text))
    return found


def _plain(text: str) -> str:
    """A docstring as Markdown: literals in single backticks."""
    return text.replace("``", "`").strip()


def _allowed(schema: Schema, defs: dict[str, Schema]) -> str:
    """Say in words what a schema allows."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        *first, last = (_allowed(one, defs) for one in schema["anyOf"])
        return f"{', '.join(first)}, or {last}"
    if "enum" in schema or "const" in schema:
        *first, last = (f"`{_yaml(value)}`" for value in schema.get("enum", [schema.get("const")]))
        return f"{', '.join(first)} or {last}" if first else last
    kind: str = schema["type"]
    if kind == "object":
        return (
            "the keys below"
            if "properties" in schema
            else f"mapping to {_allowed(schema['additionalProperties'], defs)}"
        )
    if kind == "array":
        least = f", at least {schema['minItems']} of them" if schema.get("minItems", 1) > 1 else ""
        return (
            f"{'non-empty ' * (schema.get('minItems') == 1)}list of {_plural(_allowed(schema['items'], defs))}{least}"
        )
    if kind == "string":
        return "64 hexadecimal digits" if "{64}" in schema.get("pattern", "") else "text"
    return {"boolean": "`true` or `false`", "null": "null"}.get(kind, kind + _range(schema))


def _plural(allowed: str) -> str:
    return re.sub(r"^(number|integer|text|list)\b", r"\1s", allowed)


def _range(schema: Schema) -> str:
    """The limits of a number: from and up to are among those allowed, above and below are not."""
    limits = [
        ("from", schema.get("minimum")),
        ("above", schema.get("exclusiveMinimum")),
        ("up to", schema.get("maximum")),
        ("below", schema.get("exclusiveMaximum")),
    ]
    return "".join(f" {word} {limit:g}" for word, limit in limits if limit is not None and limit < 2**53)


def _default(name: str, field: Schema, schema: Schema) -> str:
    if name in schema.get("required", []):
        return "required"
    default = field.get("default")
    return "as below" if isinstance(default, dict) and default else f"`{_yaml(default)}`"


def _yaml(value: Any) -> str:
    """A value as it may stand in params.yaml."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _table(rows: Iterator[tuple[str, str, str, str]]) -> str:
    lines = ["| Key | Allowed | Default | Meaning |", "|---|---|---|---|"]
    for key, allowed, default, meaning in rows:
        cells = (f"`{key}`", allowed, default, re.sub(r"\s+", " ", meaning).replace("|", "\\|"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
