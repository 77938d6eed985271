"""A run over any number of images: in flat memory, and resumed from any byte at which it was killed."""

import sys
import tracemalloc
from contextlib import contextmanager
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from graft.apps.predict.inputs import Input
from graft.apps.predict.job import Counts, classify, read_kept
from graft.apps.predict.rows import RowSchema
from graft.apps.predict.writers import Format
from graft.core import progress
from graft.core.errors import BundleError, DataError
from graft.predict.predictor import Predictor
from tests.predict.tiny_bundle import paint

pytestmark = pytest.mark.slow


def test_thousands_of_images_in_flat_memory(bundle: Path, tmp_path: Path) -> None:
    line = f"{paint(tmp_path / 'a.png', 200, 50, 50)}\n".encode()
    predictor, counts = Predictor(bundle, threads=2), Counts()
    stdin = cast(BinaryIO, repeat(line, 3000))
    classify(["-"], BytesIO(line * 50), lambda: predictor, Counts(), format=Format.jsonl, out=tmp_path / "warm.jsonl")
    tracemalloc.start()
    classify(["-"], stdin, lambda: predictor, counts, Format.jsonl, tmp_path / "out.jsonl")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (counts.done, counts.failed) == (3000, 0)
    assert peak < 4 * 2**20
    rows = set((tmp_path / "out.jsonl").read_text().splitlines())
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("screens", "out", "moved"),
    [((True, True), True, 3), ((True, True), False, None), ((True, False), False, 3), ((False, True), True, None)],
    ids=["rows to a file", "rows on the screen", "rows to a pipe", "no screen"],
)
def test_a_bar_where_rows_do_not_show_it(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    screens: tuple[bool, bool],
    out: bool,
    moved: int | None,
) -> None:
    bars: list[list[int]] = []

    @contextmanager
    def bar(label: str, total: int | None, done: int = 0) -> Any:
        assert (label, total, done) == ("predict", None, 0)
        bars.append([])

        class Progress:
            def update(self) -> None:
                bars[-1].append(1)

        yield Progress()

    monkeypatch.setattr(progress, "bar", bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: screens[0])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: screens[1])
    path = str(paint(tmp_path / "a.png", 1, 2, 3))
    classify(
        [path] * 3, BytesIO(), lambda: Predictor(bundle), Counts(), Format.csv, tmp_path / "out.csv" if out else None
    )
    assert [len(each) for each in bars] == ([] if moved is None else [moved])


def test_what_is_wrong_is_said_before_anything_is_written_or_loaded(tmp_path: Path) -> None:
    def make() -> Predictor:
        raise BundleError("no bundle")

    out = tmp_path / "out.csv"
    with pytest.raises(BundleError, match="no bundle"):
        classify(["a.png"], BytesIO(), make, Counts(), out=out)
    assert not out.exists()


def test_how_far_it_came_is_known_however_it_ends(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(tmp_path / "in/a.png", 1, 2, 3)
    (tmp_path / "in/a.txt").touch()
    (tmp_path / "in/b.png").touch()
    counts = Counts()
    monkeypatch.chdir(tmp_path)
    classify(["in"], BytesIO(), lambda: Predictor(bundle), counts, Format.csv, Path("out.csv"))
    assert counts == Counts(kept=0, done=2, failed=1, skipped=1, example="in/a.txt")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pictures with names that are hard to write down, and one that is none."""
    monkeypatch.chdir(tmp_path)
    names = ["a.png", 'b "quoted", and\nbroken.png', "gone.png", "ü.png", "\udcff.png"]
    for number, name in enumerate(names):
        if name != "gone.png":
            paint(Path("made.png"), 200, 20 * number, 3).rename(name)
    return names


def run(predictor: Predictor, words: list[str], out: Path, resume: bool, batch: int = 3, top: int = 0) -> Counts:
    counts, format = Counts(), Format(out.suffix[1:])
    classify(words, BytesIO(), lambda: predictor, counts, format, out, top, batch, resume)
    return counts


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_cut_at_any_byte_it_ends_as_if_never_killed(
    bundle: Path, images: list[str], tmp_path: Path, suffix: str
) -> None:
    predictor, out = Predictor(bundle, threads=1), tmp_path / f"out.{suffix}"
    assert run(predictor, images, out, resume=False).failed == 1
    expected = out.read_bytes()
    kept = set()
    for cut in [*range(len(expected) + 1), len(expected)]:
        out.write_bytes(expected[:cut])
        counts = run(predictor, images, out, resume=True)
        assert out.read_bytes() == expected, f"cut after {cut} bytes"
        assert counts.kept + counts.done == len(images)
        kept.add(counts.kept)
    assert kept == {0, 3}  # whole batches
    out.unlink()
    assert run(predictor, images, out, resume=True).kept == 0
    assert out.read_bytes() == expected


def test_rows_of_other_images_are_refused_and_spared(bundle: Path, images: list[str], tmp_path: Path) -> None:
    predictor, out = Predictor(bundle, threads=1), tmp_path / "out.csv"
    run(predictor, images[:3], out, resume=False)
    before = out.read_bytes()
    with pytest.raises(DataError, match=r"its row 1 is of 'a.png', but now it is 'gone.png': the pictures are not"):
        run(predictor, images[2:], out, resume=True)
    with pytest.raises(DataError, match=r"its row 3 is of 'gone.png', but there is none any more"):
        run(predictor, images[:2], out, resume=True)
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [
        (
            b"name,price\nx,1",
            "csv",
            r"begins with 'name,price\\nx,1', not with 'path,label,probability,error\\n'; give",
        ),
        (b"path,label,probability,error\na,b\n", "csv", r"its row 1 is none that `graft predict` wrote \("),
        (b'path,label,probability,error\n"a"b,c,1,\na,c,1,\n', "csv", "its row 1 is none"),
        (
            b'{"path": "a.png"}\n',
            "jsonl",
            r"its row 1 is none that `graft predict` wrote \('error'\); leave out --resume",
        ),
        (b'{"path": "a.png", "error": null}\n[1]\n', "jsonl", "its row 2 is none"),
        (b'{"path": "a.png", "error": null}\na story\n', "jsonl", "its row 2 is none"),
        (b'{"path": 1, "error": null}\n', "jsonl", "begins with '{\"path\": 1'"),
        (b"a story without an end", "jsonl", "begins with 'a story wi', not with"),
        (b"a story without an end", "csv", "begins with 'a story"),
        (b"path,label,probability,error\na.png,red,much,\n", "csv", r"the row of 'a.png' is .*much.* and would now be"),
        (b'{"path": "a.png", "label": "red", "error": null}\n', "jsonl", "and would now be .* give the bundle and opt"),
    ],
)
def test_files_of_others_are_refused_and_spared(
    bundle: Path, images: list[str], tmp_path: Path, content: bytes, suffix: str, message: str
) -> None:
    out = tmp_path / f"out.{suffix}"
    out.write_bytes(content)
    with pytest.raises(DataError, match=message):
        run(Predictor(bundle, threads=1), images, out, resume=True)
    assert out.read_bytes() == content


def test_errors_that_are_kept_are_counted(bundle: Path, images: list[str], tmp_path: Path) -> None:
    for suffix in ("csv", "jsonl"):
        out = tmp_path / f"out.{suffix}"
        run(Predictor(bundle), images, out, resume=False)
        assert run(Predictor(bundle), images, out, resume=True) == Counts(kept=3, done=2, failed=1)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_rows_that_would_now_be_others_are_refused_and_spared(
    bundle: Path, several: Path, images: list[str], tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out.{suffix}"
    run(Predictor(bundle), images, out, resume=False)
    before = out.read_bytes()[:-3]  # amid the last row
    out.write_bytes(before)
    with pytest.raises(DataError, match=r"the row of 'ü.png' is .*\"red\".*, and would now be"):
        run(Predictor(bundle, threshold=1), images, out, resume=True)
    with pytest.raises(DataError, match="give the bundle and options it was begun with"):
        run(Predictor(several), images, out, resume=True)
    with pytest.raises(DataError, match="give the bundle and options it was begun with"):
        run(Predictor(bundle), images, out, resume=True, top=2)
    assert out.read_bytes() == before


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_of_several_labels_they_are_compared_too(several: Path, images: list[str], tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out.{suffix}"
    for threshold, other in ((0.5, 0.01), (0.999, 0.5)):
        run(Predictor(several, threshold=threshold), images, out, resume=False)
        assert run(Predictor(several, threshold=threshold), images, out, resume=True).kept == 3
        with pytest.raises(DataError, match="and would now be"):
            run(Predictor(several, threshold=other), images, out, resume=True)


def test_images_that_shared_a_batch_are_computed_together_again(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    names: list[Input] = [f"{number}.png" for number in range(9)]
    header, *rows = ["path,label,probability,error\n", *(f"{name},a,1,\n" for name in names[:5])]
    out.write_text("".join([header, *rows, "5.png,a"]))
    rest = iter(names)
    kept = read_kept(out, Format.csv, RowSchema(False), rest, 4)
    assert (kept.again, kept.count, kept.end) == (["4.png"], 4, len("".join([header, *rows[:4]])))
    assert next(rest) == "5.png"
    assert read_kept(out, Format.csv, RowSchema(False), iter(names), 5).again == []
    kept = read_kept(out, Format.csv, RowSchema(False), iter(names), 8)
    assert (kept.again, kept.count, kept.end) == (names[:5], 0, len(header))


@pytest.mark.parametrize(
    ("out", "format", "message"),
    [
        (None, Format.csv, "--resume goes on with a file: name it with --out FILE"),
        (
            Path("a.parquet"),
            Format.parquet,
            "a.parquet is of format parquet, to which nothing can be added; use --csv or --jsonl",
        ),
        (Path("a.txt"), Format.text, "a.txt is of format text"),
    ],
)
def test_outputs_that_cannot_be_resumed(out: Path | None, format: Format, message: str) -> None:
    def make() -> Predictor:
        raise AssertionError("not reached")

    with pytest.raises(DataError, match=message):
        classify(["a.png"], BytesIO(), make, Counts(), format, out, resume=True)
