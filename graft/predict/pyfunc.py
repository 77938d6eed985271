"""The bundle as MLflow's generic model, which takes the bytes of image files; MLflow loads it by this module's name."""

from pathlib import Path
from typing import Any

from graft.predict.prediction import Failure, Prediction
from graft.predict.predictor import Predictor

COLUMN = "image"


class Classifier:
    """What MLflow asks for predictions."""

    def __init__(self, bundle: Path) -> None:
        self.predictor = Predictor(bundle)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Classify images.

        Args:
            model_input: a table with the column `COLUMN`, the content of an image file in each row.
            params: MLflow's; there are none.

        Returns:
            For each row the label (None where the classifier is not sure), all labels that hold, the probability of
            the most probable class, those of all, and None or why the image could not be read.
        """
        return [_row(answer) for answer in self.predictor.predict_many(list(model_input[COLUMN]))]


def _row(answer: Prediction | Failure) -> dict[str, Any]:
    if isinstance(answer, Failure):
        return {"label": None, "labels": [], "probability": None, "probabilities": {}, "error": answer.error}
    return {
        "label": answer.label,
        "labels": list(answer.labels),
        "probability": answer.probability,
        "probabilities": answer.probabilities,
        "error": None,
    }


def _load_pyfunc(data_path: str) -> Classifier:
    """Load a bundle; MLflow calls it by this name."""
    return Classifier(Path(data_path))
