"""A run goes on from any byte at which it was killed, to the same file."""

from pathlib import Path

import pytest

from graft.apps.predict.inputs import Named
from graft.apps.predict.job import Tally, classify
from graft.apps.predict.resume import check_resumable, check_same, read_kept, whole
from graft.apps.predict.rows import Shape
from graft.apps.predict.writers import Format
from graft.core.errors import DataError
from graft.predict.prediction import Prediction
from graft.predict.predictor import Predictor
from tests.predict.tiny import paint

SHAPE = Shape(False)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pictures with names that are hard to write down, and one that is none."""
    monkeypatch.chdir(tmp_path)
    names = ["a.png", 'b "quoted", and\nbroken.png', "gone.png", "ü.png", "\udcff.png"]
    for number, name in enumerate(names):
        if name != "gone.png":
            paint(Path("made.png"), 200, 20 * number, 3).rename(name)
    return names


def run(predictor: Predictor, words: list[str], out: Path, resume: bool, batch: int = 3, top: int = 0) -> Tally:
    tally = Tally()
    with Path("/dev/null").open("rb") as nothing:
        classify(words, nothing, lambda: predictor, tally, out=out, batch=batch, resume=resume, top=top)
    return tally


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_cut_at_any_byte_it_ends_as_if_never_killed(
    bundle: Path, images: list[str], tmp_path: Path, suffix: str
) -> None:
    predictor, out = Predictor(bundle, threads=1), tmp_path / f"out.{suffix}"
    assert run(predictor, images, out, resume=False).failed == 1
    wanted = out.read_bytes()
    kept = set()
    for cut in [*range(len(wanted) + 1), len(wanted)]:
        out.write_bytes(wanted[:cut])
        tally = run(predictor, images, out, resume=True)
        assert out.read_bytes() == wanted, f"cut after {cut} bytes"
        assert tally.kept + tally.done == len(images)
        kept.add(tally.kept)
    assert kept == set(range(len(images) + 1))
    out.unlink()
    assert run(predictor, images, out, resume=True).kept == 0
    assert out.read_bytes() == wanted


def test_rows_of_other_images_are_refused_and_spared(bundle: Path, images: list[str], tmp_path: Path) -> None:
    predictor, out = Predictor(bundle, threads=1), tmp_path / "out.csv"
    run(predictor, images[:3], out, resume=False)
    before = out.read_bytes()
    with pytest.raises(DataError, match=r"its row 1 is of 'a.png', but now it is 'gone.png': the pictures are not"):
        run(predictor, images[2:], out, resume=True)
    with pytest.raises(DataError, match=r"its row 3 is of 'gone.png', but there is none any more"):
        run(predictor, images[:2], out, resume=True)
    assert out.read_bytes() == before


def gone_on(out: Path, format: Format) -> None:
    """Read the rows of a file, and compare the last with what would be said now."""
    names: list[Named] = ["a"]
    for _, row in read_kept(out, format, SHAPE, iter(names), 8).last:
        check_same(out, row, Prediction("red", ("red",), 0.5, {"red": 0.5}, True, "a"), SHAPE)


@pytest.mark.parametrize(
    ("content", "format", "said"),
    [
        (
            b"name,price\nx,1",
            Format.csv,
            "begins with name,price, not with path,label,probability,error;",
        ),
        (b"path,label,probability,error\na,b\n", Format.csv, "a row is none that `graft predict` wrote: 'a,b'"),
        (b'{"name": 1}\n', Format.jsonl, "a row is none that `graft predict` wrote"),
        (b"[1]\n", Format.jsonl, "a row is none"),
        (b"a story\n", Format.jsonl, "a row is none"),
        (b'{"path": 1, "error": null}\n', Format.jsonl, "a row is none"),
        (b"a story without an end", Format.jsonl, "a row is none that `graft predict` wrote: 'a story wi"),
        (b"a story without an end", Format.csv, "a row is none that `graft predict` wrote: 'a story"),
        (b"path,label,probability,error\na,red,much,\n", Format.csv, "a row is none that .* 'a,red,much,'"),
        (
            b'{"path": "a", "label": "red", "error": null}\n',
            Format.jsonl,
            "a row has path, label, error, not path, label, probability, sure, error; give the bundle",
        ),
    ],
)
def test_files_of_others_are_refused_and_spared(tmp_path: Path, content: bytes, format: Format, said: str) -> None:
    out = tmp_path / "out"
    out.write_bytes(content)
    with pytest.raises(DataError, match=said):
        gone_on(out, format)
    assert out.read_bytes() == content


def test_errors_that_are_kept_are_counted(bundle: Path, images: list[str], tmp_path: Path) -> None:
    for suffix in ("csv", "jsonl"):
        out = tmp_path / f"out.{suffix}"
        run(Predictor(bundle), images, out, resume=False)
        assert run(Predictor(bundle), images, out, resume=True) == Tally(kept=5, done=0, failed=1)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_rows_that_would_now_be_others_are_refused_and_spared(
    bundle: Path, several: Path, images: list[str], tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out.{suffix}"
    run(Predictor(bundle), images, out, resume=False)
    before = out.read_bytes()[:-3]  # amid the last row
    out.write_bytes(before)
    with pytest.raises(DataError, match=r"the row of 'ü.png' has red 0\.\d+, and would now have not sure 0\.\d+;"):
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
        assert run(Predictor(several, threshold=threshold), images, out, resume=True).done == 0
        with pytest.raises(DataError, match="would now have red 0"):
            run(Predictor(several, threshold=other), images, out, resume=True)


def test_images_that_shared_a_batch_are_computed_together_again(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    names: list[Named] = [f"{number}.png" for number in range(9)]
    out.write_text("".join(["path,label,probability,error\n", *(f"{name},a,1,\n" for name in names[:5])]))
    rest = iter(names)
    assert read_kept(out, Format.csv, SHAPE, rest, 4).again == ["4.png"]
    assert next(rest) == "5.png"
    assert read_kept(out, Format.csv, SHAPE, iter(names), 5).again == []
    assert read_kept(out, Format.csv, SHAPE, iter(names), 8).again == names[:5]


@pytest.mark.parametrize(("quoted", "length"), [(True, 0), (False, 4)])
def test_a_line_feed_in_quotation_marks_ends_no_row(tmp_path: Path, quoted: bool, length: int) -> None:
    (tmp_path / "a").write_bytes(b'a,"\nb')
    assert whole(tmp_path / "a", quoted) == length


def test_whole_rows_of_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graft.apps.predict.resume.PIECE", 7)
    content = b'one,"a\nb"\ntwo,"""\n"\nthree,'
    (tmp_path / "a").write_bytes(content)
    assert whole(tmp_path / "a", quoted=True) == content.index(b"three")


@pytest.mark.parametrize(
    ("out", "format", "said"),
    [
        (None, Format.csv, "--resume goes on with a file: name it with --out FILE"),
        (Path("a.parquet"), Format.parquet, "a parquet file is readable only with its end"),
        (Path("a.txt"), Format.text, "aligned text is for people; use --csv or --jsonl"),
    ],
)
def test_what_cannot_be_gone_on_with(out: Path | None, format: Format, said: str) -> None:
    with pytest.raises(DataError, match=said):
        check_resumable(out, format)
    check_resumable(Path("a"), Format.jsonl)
