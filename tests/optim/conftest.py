"""The tiny network of the fine-tuning's tests."""

from tests.finetune.conftest import network, pictures

__all__ = ["network", "pictures"]
