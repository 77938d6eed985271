"""Classify on the workers that ``GRAFT_ENGINE`` names, with the answers that this machine alone would give."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Self

from PIL import Image

from graft.core.engine import spread
from graft.core.errors import DataError
from graft.core.parallel import batched
from graft.images.decode import UnreadableError
from graft.predict.prediction import Failure, Prediction
from graft.predict.predictor import Predictor, Source, name_of, opened

GROUP = 4
"""Batches that a worker is given at a time."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An image on its way: the absolute path of a file, what was fetched from an address, or why nothing was."""

    name: str
    file: Path | None = None
    content: bytes = b""
    reason: str = ""

    @classmethod
    def of(cls, source: Source) -> Self:
        """What stands for a path, or for what is fetched from an address."""
        assert not isinstance(source, Image.Image)  # a command line names none
        name = name_of(source)
        try:
            found = opened(source)
        except UnreadableError as error:
            return cls(name, reason=str(error))
        return cls(name, found.absolute()) if isinstance(found, Path) else cls(name, content=found.getvalue())

    def read(self) -> bytes:
        """Give the content, or raise the reason, as what was named would have."""
        if self.reason:
            raise DataError(self.reason)
        return self.content


def predict_spread(predictor: Predictor, sources: Iterable[Source], batch: int) -> Iterator[Prediction | Failure]:
    """Yield what `Predictor.predict_many` does, the batches after the first worked out on an engine.

    Raises:
        EngineError: work cannot be spread as ``GRAFT_ENGINE`` says.
    """
    rest = iter(sources)
    yield from predictor.predict_many(islice(rest, batch), batch=batch)
    batches = batched(map(Sent.of, rest), batch)
    if (first := next(batches, None)) is not None:  # for a few, no engine is waited for
        for answers in spread(partial(_answers, predictor), chain([first], batches), _files, GROUP):
            yield from answers


def _files(batch: Sequence[Sent]) -> list[Path]:
    return [sent.file for sent in batch if sent.file]


def _answers(predictor: Predictor, batch: Sequence[Sent]) -> list[Prediction | Failure]:
    answers = predictor.predict_batch([sent.file or sent for sent in batch])
    return [replace(answer, source=sent.name) for answer, sent in zip(answers, batch, strict=True)]
