"""What `evaluate` measured on a split, as it is passed on to `report`."""

from pathlib import Path

from graft.evaluate.decision import Answered
from graft.evaluate.metrics import Measured, Scores
from graft.stats.paired import Difference

RECORD = "record.json"
NETWORKS = {"head": "the head", "finetuned": "fine-tuned"}
"""The two networks by name, and how a person is told of them."""


class Slice(Measured):
    """Images that share a value of a column, and the share of them that is answered correctly."""

    images: int
    correct: float
    low: float | None
    high: float | None


class Record(Measured):
    """What `evaluate` measured on a split, as `report` reads it; what lies in tables beside it is not said twice."""

    kept: str
    """The network handed on, ``head`` or ``finetuned``; all but `networks` and `difference` is of it alone."""
    networks: dict[str, Scores]
    """Of the head and, where anything was fine-tuned, of the fine-tuned network, each at its own temperature."""
    difference: Difference | None
    """In the share of images answered correctly, fine-tuned less head, image by image."""
    cross_validated: Scores | None = None
    """Of linear heads on the stored features of all images, each asked of images that it had not learnt from; None
    where the head is not linear, all images are of one group, or the split is not test."""
    slices: dict[str, Slice]
    """By ``column=value``."""
    notes: list[str]
    """Which columns have more values than there are slices of."""
    mistakes: int
    """Images that are answered wrongly."""
    calibration_error: dict[str, float]
    """Expected calibration error ``before`` and ``after`` the logits are divided by the temperature."""
    answered: Answered | None
    """What is left of the answers, where the network may abstain."""

    @property
    def scores(self) -> Scores:
        """Of the network handed on."""
        return self.networks[self.kept]

    def headline(self, metric: str) -> str:
        """One metric of both networks with its intervals, in a line, and what fine-tuning changed."""
        told = []
        for name, scores in self.networks.items():
            value, low, high = (scores.figures[metric + end] for end in ("", "_low", "_high"))
            interval = "one group, so no interval" if low is None else f"{low:.4f} to {high:.4f}"
            told.append(f"{NETWORKS[name]} {value:.4f} ({interval})")
        if self.difference and self.difference.is_known:
            change = self.difference
            told.append(f"difference {change.value:+.4f} ({change.low:+.4f} to {change.high:+.4f})")
        return f"{metric.replace('_', ' ')}: {', '.join(told)}; handed on: {NETWORKS[self.kept]}"


def read_record(folder: Path) -> Record:
    """Read the record that lies in a folder."""
    return Record.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))
