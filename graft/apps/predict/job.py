"""``graft predict``: name pictures, classify them, write rows, one after another however many there are."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from graft.apps.predict.inputs import Inputs, Named
from graft.apps.predict.resume import Kept, check_resumable, check_same, read_kept
from graft.apps.predict.rows import Shape
from graft.apps.predict.writers import Format, choose, open_writer
from graft.core.addresses import is_remote
from graft.predict.inputs import Source
from graft.predict.prediction import Failure
from graft.predict.predictor import Predictor


@dataclass
class Tally:
    """What became of the pictures of a run.

    Attributes:
        kept: rows that were there already.
        done: pictures with a row of this run.
        failed: of both, those that could not be classified.
        passed: files in folders that were passed over, as their names promise no picture.
        example: one of them.
    """

    kept: int = 0
    done: int = 0
    failed: int = 0
    passed: int = 0
    example: str = ""


def classify(
    words: Sequence[str],
    stdin: BinaryIO,
    make: Callable[[], Predictor],
    tally: Tally,
    flags: Sequence[Format] = (),
    out: Path | None = None,
    top: int = 0,
    batch: int = 4,
    resume: bool = False,
) -> None:
    """Classify all that is named, and count in `tally`, which says how far it came however this ends.

    Args:
        words: files, folders, patterns, addresses, or ``-`` for those on `stdin`.
        make: gives the predictor; called when the rest is known to be right.
        flags: formats asked for, at most one.
        out: file of the rows; standard output without.
        top: so many of the most probable classes in every row.
        batch: pictures that a thread decodes and runs at a time.
        resume: keep the rows of `out`, and do only the rest.

    Raises:
        GraftError: names what the user can mend.
    """
    format = choose(flags, out)
    if resume:
        check_resumable(out, format)
    predictor = make()
    shape = Shape(predictor.multi_label, min(top, len(predictor.classes)))
    inputs = Inputs(words, stdin)
    names, again = iter(inputs), list[Named]()
    if resume and out is not None and out.exists():
        kept = _kept(predictor, out, format, shape, names, batch)
        tally.kept, tally.failed, again = kept.count, kept.failed, kept.again
    append = resume and out is not None and out.exists() and out.stat().st_size > 0
    try:
        with (
            _fetching() as fetched,
            open_writer(out, format, shape, append) as writer,
            _counting(out, tally.kept) as count,
        ):
            results = predictor.predict_many(fetched(chain(again, names)), batch=batch)
            for result in islice(results, len(again), None):
                writer.add(result)
                tally.done += 1
                tally.failed += isinstance(result, Failure)
                count()
    finally:
        tally.passed, tally.example = inputs.passed, inputs.example


def _kept(predictor: Predictor, out: Path, format: Format, shape: Shape, names: Iterator[Named], batch: int) -> Kept:
    """Cut a file to its whole rows, if they are what would be written now."""
    kept = read_kept(out, format, shape, names, batch)
    with _fetching() as fetched:
        for name, row in kept.last:
            check_same(out, row, next(iter(predictor.predict_many(fetched([name])))), shape)
    os.truncate(out, kept.end)
    return kept


@contextmanager
def _fetching() -> Iterator[Callable[[Iterable[Named]], Iterator[Source]]]:
    """Yield what puts, in the place of every address, a picture on its way.

    An address is asked as soon as it is taken: so far as the predictor takes ahead, so far is fetched ahead.
    """
    with ExitStack() as stack:

        def fetched(names: Iterable[Named]) -> Iterator[Source]:
            fetch: Callable[[str], Source] | None = None
            for name in names:
                if not isinstance(name, str) or not is_remote(name):
                    yield name
                    continue
                if fetch is None:
                    from graft.apps.predict.fetch import fetching  # late: paths need none of it

                    fetch = stack.enter_context(fetching())
                yield fetch(name)

        yield fetched


@contextmanager
def _counting(out: Path | None, kept: int) -> Iterator[Callable[[], object]]:
    """Yield what to call after each row: it moves a bar where one can be seen and rows do not show it themselves."""
    if not sys.stderr.isatty() or (out is None and sys.stdout.isatty()):
        yield lambda: None
        return
    from graft.core.progress import bar  # late: tqdm takes a while, and logs need none

    with bar("predict", None, kept) as progress:
        yield progress.update
