"""The finished project of the pipeline's tests."""

from tests.pipeline.conftest import finished, project

__all__ = ["finished", "project"]
