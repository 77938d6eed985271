"""The model card: README.md of the bundle, in the layout of the Hugging Face hub."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from graft import atomic

TEMPLATE = Path(__file__).with_name("card.md.j2")


def save_card(path: Path, facts: dict[str, Any]) -> None:
    """Write the card.

    Args:
        facts: what graft.json says.
    """
    # Markdown for people and for the hub; names from the data are escaped where they are used
    environment = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    environment.filters.update(text=_text, share=_share, figure=_figure)
    environment.globals.update(quoted=_quoted)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    atomic.write_text(path, template.render(facts | {"facts": facts}))


def _text(value: object) -> str:
    """A value as plain text in a cell of a Markdown table."""
    plain = " ".join(str(value).split())
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>#|$~" else char for char in plain)


def _quoted(value: object) -> str:
    """A value as a string in double quotes of YAML."""
    plain = " ".join(str(value).split())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _share(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
