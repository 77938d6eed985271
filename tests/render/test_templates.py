"""Templates say what they are told, and nothing that they are not."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from graft.render.templates import number, percent, rendered


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """One that uses a function, a filter and a helper."""
    file = tmp_path / "page.j2"
    file.write_text("{{ name }}: {{ percent(share) }}, {{ share | number }}, {{ share | twice }}")
    return file


def test_facts_and_helpers_are_filled_in(template: Path) -> None:
    facts = {"name": "<b>", "share": 0.5}
    said = rendered(template, facts, twice=lambda value: 2 * value)
    assert said == "&lt;b&gt;: 50.0 %, 0.500, 1.0"
    assert rendered(template, facts, escape=False, twice=str) == "<b>: 50.0 %, 0.500, 0.5"


def test_what_is_absent_is_an_error(template: Path) -> None:
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        rendered(template, {"share": 0.5}, twice=str)


def test_no_value_is_said() -> None:
    assert (percent(None), number(None)) == ("none", "none")
