"""A web server that the tests of downloads share."""

from collections.abc import Iterator

import pytest

from tests.source.site import Site, serve


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server of this machine, asked without a proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serve(Site(bytes(range(256)) * 4000)) as served:
        yield served
