"""The report: one HTML file that needs nothing beside it, for a person who was not there."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from graft import atomic
from graft.source.stream import shown

HERE = Path(__file__).parent
TEMPLATE, STYLE = HERE / "report.html.j2", HERE / "report.css"


def save_report(path: Path, images: Path, facts: dict[str, Any]) -> None:
    """Render the report.

    Args:
        images: folder of the pictures that the template names; they are written into the page.
        facts: what the template shows.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(
        image=lambda name: _inline(images / name),
        has=lambda name: (images / name).is_file(),
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        pct=_percent,
        num=_number,
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    parameters = facts["parameters"]
    source = parameters["source"] | {"uri": shown(parameters["source"]["uri"])}
    told = facts | {"parameters": dict(flattened(parameters | {"source": source})), "source": source}
    atomic.write_text(path, template.render(told).lstrip())


def flattened(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted keys of nested values with what stands there, as JSON."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", json.dumps(value, ensure_ascii=False)


def _inline(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
