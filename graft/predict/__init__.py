"""Classify images with a bundle: numpy, Pillow and onnxruntime or OpenVINO, no torch."""

import os

# read when onnxruntime is imported; else it keeps, on disk, what it would send its makers
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from graft.predict.prediction import Failure as Failure
from graft.predict.prediction import Prediction as Prediction
from graft.predict.predictor import Predictor as Predictor

__all__ = ["Failure", "Prediction", "Predictor"]
