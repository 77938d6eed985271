"""A tiny bundle, of one label an image and of several."""

from pathlib import Path

import pytest

from tests.predict.tiny_bundle import write_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("several"), "Sigmoid", multi_label=True, threshold=0.5)
