"""How a table is written is seen from its first rows, whatever people and programs make of it."""

import itertools
from pathlib import Path

import pytest

from graft.apps.use.table_places import Places
from graft.apps.use.table_shape import detect_shape, has_header

MARKS = {"comma": ",", "semicolon": ";", "tab": "\t", "whitespace": " "}
HEADERS = {
    "usual names": ["image", "species", "sex"],
    "names as long as values": ["name", "art", "ort"],
    "names with dots": ["Image.Name", "Plot.Id", "Species"],
    "none": [],
}
# what the cells of a row hold beside the name of an image
VALUES = {
    "words": [["adelie", "male"], ["king", "female"], ["gentoo", "male"]],
    "numbers": [["0", "1.5"], ["1", "2.25"], ["2", "11"]],
    "one-hot": [["1", "0"], ["0", "1"], ["0", "1"]],
}
GRID = list(itertools.product(MARKS, (False, True), HEADERS, VALUES))


@pytest.mark.parametrize(("mark", "quoted", "header", "values"), GRID, ids=map(str, range(len(GRID))))
def test_every_spelling_is_seen(tmp_path: Path, mark: str, quoted: bool, header: str, values: str) -> None:
    images = [f"{'abcdefgh'[n % 8] * (n % 5 + 1)}{n}.png" for n in range(12)]
    rows = [[name, *VALUES[values][n % 3]] for n, name in enumerate(images)]
    rows = [HEADERS[header], *rows] if HEADERS[header] else rows
    cells = [[f'"{cell}"' if quoted else cell for cell in row] for row in rows]
    (tmp_path / "t.csv").write_text("\n".join(MARKS[mark].join(row) for row in cells))
    shape, notes = detect_shape(tmp_path / "t.csv", Places([f"images/{name}" for name in images]))
    columns = {} if HEADERS[header] else {"columns": ["column1", "column2", "column3"]}
    assert shape == ({} if mark == "comma" else {"separator": mark}) | columns
    assert notes == []


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ("foto soort|a.png kat|b.png hond|c.png kat", True),
        ("foto soort|a kat|b hond|c kat", True),
        ("foto aantal|x 3|y 4|z 3", True),
        ("a kat|b hond|c kat|x hond", False),
        ("x kat|a kat|b kat|c hond", False),
        ("missing.png kat|a.png hond|b.png hond", False),
        ("7 1|1 2|2 3", False),
        ("id 0 1|a 1 0|b 0 1|c 0 1", True),
        ("person a.png|cat b.png|person c.png|person x.png", False),
    ],
)
def test_a_header_is_of_another_kind_than_rows(rows: str, header: bool) -> None:
    places = Places(["a.png", "b.png", "c.png"])
    assert has_header([row.split() for row in rows.split("|")], places) == header


def test_a_header_of_numbers_may_name_images_too() -> None:
    rows = [row.split() for row in ("id 0 1", "0 1 0", "1 0 1")]
    assert has_header(rows, Places(["0.png", "1.png"]))
    assert not has_header(rows[1:], Places(["0.png", "1.png"]))


def shape_of(root: Path, content: bytes) -> tuple[dict[str, object], list[str]]:
    """What is seen of a table of three images."""
    (root / "t.csv").write_bytes(content)
    return detect_shape(root / "t.csv", Places(["a.png", "b.png", "c.png"]))


def test_an_encoding_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    shape, notes = shape_of(tmp_path, "file;label\na.png;Käse\nb.png;Brot\n".encode("cp1252"))
    assert shape == {"encoding": "cp1252", "separator": "semicolon"}
    assert notes == ["t.csv is no UTF-8; read as cp1252, it says 'Käse': check that, or set its encoding"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    assert shape_of(tmp_path, "file\tlabel\na.png\tKäse\n".encode(encoding)) == ({"separator": "tab"}, [])


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\x00\x01\x00", "a,b".encode("utf-16-le")], ids=repr)
def test_what_is_no_text_is_none(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"is empty|zero bytes"):
        shape_of(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("sep=;\nfile;label\na.png;x,y\n", {"separator": "semicolon"}),
        ("file;labels\na.png;x,y\nb.png;x,z\nc.png;y,z\n", {"separator": "semicolon"}),
        ("a.png 0,5\nb.png 0,7\n", {"separator": "whitespace", "columns": ["column1", "column2"]}),
        ("a.png,big cat\nb.png,big dog\n", {"columns": ["column1", "column2"]}),
        ("file,label\r\na.png,x\r\nb.png,y\r\n", {}),
        ("file,label\ra.png,x\rb.png,y\r", {}),
        (",file,label\n0,a.png,x\n1,b.png,y\n", {}),
        ("file,label\na.png,x,\nb.png,y,\n", {}),
        ("file, label\na.png, x\nb.png, y\n", {}),
        (
            "# made by hand\na.png x\nb.png y\n",
            {"separator": "whitespace", "comment": "#"} | {"columns": ["column1", "column2"]},
        ),
        ("#,file,label\n1,a.png,x\n2,b.png,y\n", {}),
        ('file,label\na.png,"x\ny"\nb.png,z\n', {}),
    ],
    ids=[
        "Excel's first line",
        "commas within cells",
        "decimal commas",
        "spaces within cells",
        "Windows",
        "old Mac",
        "index of pandas",
        "trailing separators",
        "padded",
        "comment",
        "a column called #",
        "line break within a cell",
    ],
)
def test_what_programs_add_is_seen(tmp_path: Path, text: str, shape: dict[str, object]) -> None:
    assert shape_of(tmp_path, text.encode()) == (shape, [])
