"""The report: one HTML file that needs nothing beside it, for a person who was not there."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from graft import atomic

TEMPLATE = Path(__file__).with_name("report.html.j2")


def save_report(path: Path, images: Path, facts: dict[str, Any]) -> None:
    """Render the report.

    Args:
        images: folder of the pictures that the template names; they are written into the page.
        facts: what the template shows.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(image=lambda name: _inline(images / name), pct=_percent, num=_number)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    atomic.write_text(path, template.render(facts))


def _inline(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
