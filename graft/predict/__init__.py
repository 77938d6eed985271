"""Classify pictures with a bundle: numpy, Pillow and onnxruntime, no torch."""

from graft.predict.predictor import Predictor as Predictor
from graft.predict.results import Failure as Failure
from graft.predict.results import Prediction as Prediction

__all__ = ["Failure", "Prediction", "Predictor"]
