"""A prediction as a row: cells of a CSV, an object of JSON lines, or text to read."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from typing import Any, Literal, TypeAlias

from graft.predict.prediction import Failure, Nothing, Prediction

Result: TypeAlias = Prediction | Failure | Nothing

BOX = ("x", "y", "w", "h")


@dataclass(frozen=True, slots=True)
class RowSchema:
    """What a row holds: one label or several, so many of the most probable classes besides, and perhaps a box.

    Of an image in which there was nothing to classify, a row has the path alone.
    """

    multi_label: bool
    top: int = 0
    regions: bool = False

    def columns(self) -> list[str]:
        """Names of the cells."""
        labels = ["labels", "probabilities"] if self.multi_label else ["label", "probability"]
        top = [name for rank in range(1, self.top + 1) for name in (f"top_{rank}", f"probability_{rank}")]
        return ["path", *(BOX if self.regions else ()), *labels, *top, "error"]

    def cells(self, result: Result) -> list[str]:
        """One text a column, of several labels joined by ``|``; of a failed image, only path and error."""
        if not isinstance(result, Prediction):
            cells = len(self.columns()) - 2
            return [result.source, *[""] * cells, result.error if isinstance(result, Failure) else ""]
        labels = result.labels if self.multi_label else (result.label or "",)
        values = [result.probabilities[name] for name in labels] if self.multi_label else [result.probability]
        top = [cell for name, probability in result.top(self.top) for cell in (name, number(probability))]
        box = map(str, self._box(result).values())
        return [result.source, *box, "|".join(labels), "|".join(map(number, values)), *top, ""]

    def record(self, result: Result) -> dict[str, Any]:
        """The same by name, numbers as numbers; of an image that failed, only its path and its error."""
        if not isinstance(result, Prediction):
            return {"path": result.source, "error": result.error if isinstance(result, Failure) else None}
        if self.multi_label:
            labels: dict[str, Any] = {"labels": _pairs((name, result.probabilities[name]) for name in result.labels)}
        else:
            labels = {"label": result.label, "probability": float(number(result.probability)), "sure": result.sure}
        top = {"top": _pairs(result.top(self.top))} if self.top else {}
        return {"path": result.source} | self._box(result) | labels | top | {"error": None}

    def _box(self, result: Prediction) -> dict[str, int]:
        return {name: getattr(result.region, name) for name in BOX} if self.regions else {}

    def text(self, result: Result) -> str:
        """The same for people, without the path."""
        if isinstance(result, Failure):
            return f"error: {printable(result.error)}"
        if isinstance(result, Nothing):
            return "nothing found"
        if self.top:
            text = ", ".join(f"{name} {probability:.1%}" for name, probability in result.top(self.top))
        elif self.multi_label:
            text = ", ".join(f"{name} {result.probabilities[name]:.1%}" for name in result.labels) or "no class"
        else:
            text = f"{result.label or result.top(1)[0][0]} {result.probability:.1%}"
        text = text if result.sure else f"not sure ({text})"
        return (
            f"{text} at {' '.join(f'{name} {value}' for name, value in self._box(result).items())}"
            if self.regions
            else text
        )


def csv_line(cells: list[str]) -> str:
    """Cells as a line of CSV, quoted where they must be."""
    # csv itself leaves a carriage return bare where lines end otherwise, but every reader takes it for an end
    quoting: Literal[0, 1] = csv.QUOTE_ALL if any("\r" in cell for cell in cells) else csv.QUOTE_MINIMAL
    line = StringIO()
    csv.writer(line, lineterminator="\n", quoting=quoting).writerow(cells)
    return line.getvalue()


def json_line(record: dict[str, Any]) -> str:
    """A record as a line of JSON; in a name that is no Unicode, what is none is escaped."""
    return json.dumps(record, ensure_ascii=False).encode(errors="backslashreplace").decode() + "\n"


def number(value: float) -> str:
    """A probability with six significant digits, of which float32 holds a little more."""
    return f"{value:.6g}"


def printable(text: str) -> str:
    """Text that a terminal shows and never obeys."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _pairs(probabilities: Iterable[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"label": name, "probability": float(number(probability))} for name, probability in probabilities]
