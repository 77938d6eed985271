"""Markdown that shows what was meant, whatever the names."""

from graft.apps.compare.comparison import compare
from graft.apps.compare.markdown import as_markdown, folded, plain, table
from tests.apps.compare.made import pair, run


def test_names_stay_text() -> None:
    assert plain("a|b <b>_x_</b>\n`c`") == "a\\|b \\<b\\>\\_x\\_\\</b\\> \\`c\\`"
    assert folded("a < b", ["x"])[1] == "<summary>a &lt; b</summary>"


def test_a_table() -> None:
    assert table([("", "n"), ("a|b", "1")], words=(0,)) == ["|  | n |", "| :-- | --: |", "| a\\|b | 1 |"]


def test_it_is_whole() -> None:
    a, b = pair(90, range(30), [], measured={"accuracy": 0.5})
    b.params["lr"] = 0.003
    text = as_markdown(compare(a, b, None))
    lines = text.splitlines()
    assert lines[0] == "### old (aaaaaaa) (A) or new (B)?"
    assert lines[2] == "**better: the whole interval lies above 0**"
    assert "| lr | - | 0.003 |" in lines
    assert "<summary>30 pictures with another answer; the 20 whose loss changed most</summary>" in lines
    assert sum(line.startswith("| now right |") for line in lines) == 20
    assert text.count("<details>") == text.count("</details>") == 3
    assert text.endswith("</details>\n")


def test_nothing_is_folded_where_nothing_is() -> None:
    same = run(["cat"], ["cat"], "v1")
    text = as_markdown(compare(same, same, None))
    assert "another answer" not in text
    assert "Parameters that differ" not in text
