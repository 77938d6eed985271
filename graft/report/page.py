"""The report: one HTML file that needs nothing beside it, for a person who was not there."""

import base64
import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from graft.core.addresses import shown
from graft.core.files import write_text
from graft.core.params import flattened
from graft.render.templates import number, percent, rendered

HERE = Path(__file__).parent
TEMPLATE, STYLE = HERE / "report.html.j2", HERE / "report.css"


def save_report(path: Path, images: Path, facts: dict[str, Any]) -> None:
    """Render the report.

    Args:
        images: folder of the pictures that the template names; they are written into the page.
        facts: what the template shows.
    """
    parameters = {key: _masked(value) for key, value in flattened(facts["parameters"]).items()}
    told = facts | {
        "source": {key: parameters[f"source.{key}"] for key in ("uri", "licence")},
        "parameters": {key: json.dumps(value, ensure_ascii=False) for key, value in parameters.items()},
    }
    page = rendered(
        TEMPLATE,
        told,
        image=lambda name: _inline(images / name),
        has=lambda name: (images / name).is_file(),
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        pct=lambda share: percent(share).replace(" ", "\u00a0"),
        num=number,
    )
    write_text(path, page.lstrip())


def _masked(value: Any) -> Any:
    """A value as it may be shown to others: addresses without the secrets they may carry."""
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return shown(value) if isinstance(value, str) and "://" in value else value


def _inline(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
