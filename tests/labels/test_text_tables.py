"""A text table is read whoever wrote it, or the error says where and what to do."""

import csv
from pathlib import Path

import pytest

from graft.core.errors import DataError
from graft.labels.text_tables import decode, read_text, text_rows

EXPECTED = {"file": ["a.png", "b.png"], "label": ["ok", "bad"]}


def read(root: Path, content: bytes, separator: str = "comma", encoding: str = "utf-8") -> dict[str, list[str]]:
    """Columns of a table."""
    (root / "t.csv").write_bytes(content)
    table = read_text(root / "t.csv", separator, encoding=encoding)
    return {str(name): table[name].tolist() for name in table.columns}


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("file,label\na.png,ok\nb.png,bad\n", "comma"),
        ("file,label\r\na.png,ok\r\nb.png,bad\r\n\r\n", "comma"),
        ("file,label\ra.png,ok\rb.png,bad", "comma"),
        ("sep=;\r\nfile;label\r\na.png;ok\r\nb.png;bad\r\n", "semicolon"),
        ('"sep=,"\nfile,label\na.png,ok\nb.png,bad\n', "comma"),
        ("file,label\na.png,ok,\nb.png,bad,,\n", "comma"),
        ("file,label,\na.png,ok,\nb.png,bad,\n", "comma"),
        ("file,label,\na.png,ok\nb.png,bad\n", "comma"),
        (" file , label\na.png,ok\nb.png,bad\n", "comma"),
        ('"file", "label"\n"a.png", "ok"\n"b.png", "bad"\n', "comma"),
        ("file\t label\na.png\tok\nb.png\tbad\n", "tab"),
        ("file,label,label\na.png,ok,1\nb.png,bad,2\n", "comma"),
    ],
    ids=[
        "plain",
        "Windows",
        "old Mac",
        "Excel's separator",
        "in quotes",
        "trailing in rows",
        "trailing everywhere",
        "trailing in the header",
        "padded header",
        "space before quotes",
        "tab and space",
        "a name twice",
    ],
)
def test_what_programs_add_is_no_content(tmp_path: Path, text: str, separator: str) -> None:
    columns = read(tmp_path, text.encode(), separator)
    assert {name: cells for name, cells in columns.items() if name} == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_goes_before_what_is_said(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    assert read(tmp_path, f"{mark}file,label\na,Käse\n".encode(encoding), encoding="cp1252")["label"] == ["Käse"]


def test_an_encoding_can_be_said(tmp_path: Path) -> None:
    assert read(tmp_path, "file,label\na,Käse\n".encode("cp1252"), encoding="cp1252")["label"] == ["Käse"]


def test_a_byte_that_is_no_text_is_shown_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("file,label\na,x\nb,Käse\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"^line 3 holds the byte e4, which is no UTF-8; save it as UTF-8$"):
        decode(tmp_path / "t.csv")


def test_utf16_without_its_mark_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("file,label".encode("utf-16-le"))
    with pytest.raises(ValueError, match="it holds zero bytes, as UTF-16"):
        decode(tmp_path / "t.csv")
    assert decode(tmp_path / "t.csv", "utf-16-le") == "file,label"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sep=,\nfile,label\na,x\nb,y,z\n", "line 4 has 3 fields where 2 are expected"),
        ("file,label,\na,x,1,2\n", "line 2 has 4 fields where 3 are expected"),
        ("file,label\na\n", "line 2 has 1 fields where 2 are expected"),
    ],
)
def test_cells_that_are_lost_or_too_many_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path, text.encode())


def test_a_row_knows_the_line_it_ends_in_and_empty_ones_are_none() -> None:
    rows = list(text_rows('sep=;\na;"b\nc"\n\n ; \nd;\n', "semicolon"))
    assert rows == [(3, ["a", "b\nc"]), (6, ["d", ""])]


def test_a_field_without_an_end_is_read_to_the_last_line_or_refused() -> None:
    with pytest.raises(csv.Error):
        list(text_rows('a,"' + "b" * 200_000, "comma"))
