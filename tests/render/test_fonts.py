"""A font is found for every script that one is there for."""

from graft.render.figures import BASE, covering, families


def test_the_font_that_comes_with_matplotlib_is_asked_first() -> None:
    assert families()[0] == BASE
    found = covering("\u05db\u05dc\u05d1 \u043a\u043e\u0442")
    assert found is not None
    assert found.name == "DejaVuSans.ttf"


def test_what_no_font_has_is_covered_by_none() -> None:
    assert covering("\U000f0000") is None
