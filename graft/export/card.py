"""The model card: README.md of the bundle, in the layout of the Hugging Face hub."""

from pathlib import Path
from typing import Any

from graft import atomic
from graft.templates import rendered

TEMPLATE = Path(__file__).with_name("card.md.j2")


def save_card(path: Path, facts: dict[str, Any]) -> None:
    """Write the card.

    Args:
        facts: what graft.json says.
    """
    # Markdown for people and for the hub; names from the data are escaped where they are used
    told = rendered(TEMPLATE, facts | {"facts": facts}, escape=False, text=_text, quoted=_quoted)
    atomic.write_text(path, told)


def _text(value: object) -> str:
    """A value as plain text in a cell of a Markdown table."""
    plain = " ".join(str(value).split())
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>#|$~" else char for char in plain)


def _quoted(value: object) -> str:
    """A value as a string in double quotes of YAML."""
    plain = " ".join(str(value).split())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
