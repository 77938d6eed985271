"""The tiny bundles of the predictor's tests."""

from tests.predict.conftest import bundle, several

__all__ = ["bundle", "several"]
