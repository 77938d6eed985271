"""A tiny bundle, of one label a picture and of several."""

from pathlib import Path

import pytest

from tests.predict.tiny import write_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("several"), "Sigmoid", multi_label=True, threshold=0.5)
