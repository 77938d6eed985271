"""What one epoch of fine-tuning gave."""

from dataclasses import dataclass

from graft.train.valid import Score


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training pictures; losses in nats an answer, that of train as it was brought down.

    Valid is judged by the averaged weights, `valid` holds the figures of its score; learning rates
    are those of the last step.
    """

    epoch: int
    size: int
    train_loss: float
    valid_loss: float
    valid: dict[str, float]
    learning_rates: dict[str, float]

    @property
    def score(self) -> Score:
        """The averaged weights' score on valid."""
        return Score(self.valid, -self.valid_loss)

    def metrics(self) -> dict[str, float]:
        """Curves to draw, by name."""
        rates = {f"learning_rate/{name}": rate for name, rate in self.learning_rates.items()}
        losses = {"train/loss": self.train_loss, "valid/loss": self.valid_loss}
        return losses | {f"valid/{name}": figure for name, figure in self.valid.items()} | rates
