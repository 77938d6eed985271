"""Bundles and apps that the tests of the server share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from graft.apps.serve.app import create_app
from graft.apps.serve.config import Settings
from graft.predict.predictor import Predictor
from tests.apps.serve.made import colour_bundle, live


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return colour_bundle(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="session")
def predictor(bundle: Path) -> Predictor:
    return Predictor(bundle)


@pytest.fixture
def client(predictor: Predictor) -> Iterator[TestClient]:
    with TestClient(create_app(predictor, Settings())) as client:
        yield client


@pytest.fixture(scope="session")
def port(predictor: Predictor) -> Iterator[int]:
    """A server that takes little, and waits for it long."""
    with live(predictor, Settings(max_body=200_000)) as port:
        yield port


@pytest.fixture(scope="session")
def hasty(predictor: Predictor) -> Iterator[int]:
    """A server with short patience."""
    with live(predictor, Settings(max_body=200_000, read_timeout=0.3)) as port:
        yield port
