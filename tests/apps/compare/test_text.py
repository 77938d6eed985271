"""What the terminal shows."""

from graft.apps.compare.comparison import Comparison, compare
from graft.apps.compare.rows import SHOWN
from graft.apps.compare.text import WIDE, aligned, as_text
from tests.apps.compare.made import names, pair


def found(count: int = 90, flipped: int = 30) -> Comparison:
    """Many pictures now right."""
    a, b = pair(count, range(flipped), [])
    old = {"accuracy": 0.5, "log_loss": 0.71, "images": 90.0}
    b.measured.update({"accuracy": 0.75, "log_loss": None, "images": 90.0})
    a.measured.update(old)
    a.params["lr"] = 0.001
    b.params["lr"] = 0.003
    return compare(a, b, None, why_not="it is not here")


def test_it_begins_with_the_verdict() -> None:
    lines = as_text(found())
    assert lines[:4] == ["A  old (aaaaaaa)", "B  new", "", "better: the whole interval lies above 0"]
    assert any(line.startswith("  rule: B is better where the whole 95 % interval") for line in lines)
    assert any(line.startswith("note: groups and slices are not known") for line in lines)
    assert max(map(len, lines)) <= WIDE


def test_tables_are_aligned() -> None:
    lines = as_text(found())
    place = lines.index("metrics of test")
    assert lines[place + 1 : place + 5] == [
        "                A      B  B less A",
        "  accuracy  0.500  0.750    +0.250  more is better",
        "  log_loss  0.710   none            less is better",
        "  pictures     90     90         0",
    ]
    place = lines.index("parameters that differ")
    assert lines[place + 1 : place + 3] == ["      A      B", "  lr  0.001  0.003"]
    assert aligned([("a", "1"), ("bcd", "10")], 0) == ["  a     1", "  bcd  10"]


def test_twenty_images_are_shown() -> None:
    lines = as_text(found())
    title = f"30 pictures with another answer; the {SHOWN} whose loss changed most (all: --html or --csv)"
    shown = lines[lines.index(title) + 2 :]
    assert len(shown) == SHOWN
    assert shown[0] == f"  now right  {names(1)[0]}  cat  dog 80%  cat 80%"


def test_few_are_shown_without_more_words() -> None:
    assert "1 picture with another answer" in as_text(found(flipped=1))


def test_nothing_changed() -> None:
    a, _ = pair(9, [1], [])
    lines = as_text(compare(a, a, None))
    assert lines[-1] == "no answer changed"
    assert "parameters: all equal" in lines
