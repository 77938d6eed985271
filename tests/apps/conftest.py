"""The tiny network of the fine-tuning's tests."""

from tests.finetune.conftest import images, network

__all__ = ["images", "network"]
