"""A run over any number of pictures: flat memory, and a bar only where one can be seen."""

import sys
import tracemalloc
from contextlib import contextmanager
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from graft.apps.predict.job import Tally, classify
from graft.apps.predict.writers import Format
from graft.core import progress
from graft.core.errors import BundleError, DataError
from graft.predict.predictor import Predictor
from tests.predict.tiny import paint


def test_thousands_of_images_in_flat_memory(bundle: Path, tmp_path: Path) -> None:
    line = f"{paint(tmp_path / 'a.png', 200, 50, 50)}\n".encode()
    predictor, tally = Predictor(bundle, threads=2), Tally()
    stdin = cast(BinaryIO, repeat(line, 3000))
    classify(["-"], BytesIO(line * 50), lambda: predictor, Tally(), out=tmp_path / "warm.jsonl")
    tracemalloc.start()
    classify(["-"], stdin, lambda: predictor, tally, out=tmp_path / "out.jsonl")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tally.done, tally.failed) == (3000, 0)
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
    classify([path] * 3, BytesIO(), lambda: Predictor(bundle), Tally(), out=tmp_path / "out.csv" if out else None)
    assert [len(each) for each in bars] == ([] if moved is None else [moved])


def test_what_is_wrong_is_said_before_anything_is_written_or_loaded(tmp_path: Path) -> None:
    def make() -> Predictor:
        raise BundleError("no bundle")

    out = tmp_path / "out.csv"
    with pytest.raises(BundleError, match="no bundle"):
        classify(["a.png"], BytesIO(), make, Tally(), out=out)
    with pytest.raises(DataError, match="only one of them at a time"):
        classify(["a.png"], BytesIO(), make, Tally(), [Format.csv, Format.jsonl], out)
    assert not out.exists()


def test_how_far_it_came_is_known_however_it_ends(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(tmp_path / "in/a.png", 1, 2, 3)
    (tmp_path / "in/a.txt").touch()
    (tmp_path / "in/b.png").touch()
    tally = Tally()
    monkeypatch.chdir(tmp_path)
    classify(["in"], BytesIO(), lambda: Predictor(bundle), tally, out=Path("out.csv"))
    assert tally == Tally(kept=0, done=2, failed=1, passed=1, example="in/a.txt")
