"""Templates rendered, and numbers as a person reads them in all that is written."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined


def rendered(template: Path, facts: dict[str, Any], escape: bool = True, **helpers: Any) -> str:
    """Fill in a template; a fact that it names and that is absent is an error, never a blank.

    Args:
        escape: whether what is filled in is text in HTML.
        helpers: what else the template may call, as function or filter, beside `percent` and `number`.
    """
    environment = Environment(autoescape=escape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    for names in (environment.globals, environment.filters):
        names.update({"percent": percent, "number": number} | helpers)
    return environment.from_string(template.read_text(encoding="utf-8")).render(facts)


def percent(share: float | None) -> str:
    """A share, such as 78.8 %."""
    return "none" if share is None else f"{100 * share:.1f} %"


def number(value: float | None) -> str:
    """A figure."""
    return "none" if value is None else f"{value:.3f}"
