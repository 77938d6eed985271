"""A web server that the tests of fetching share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from graft.source import web
from tests.source.site import Site, serve


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server of this machine, asked without a proxy, that hears what its client hands on."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    asked = web._asked

    def overheard(uri: str, request: Callable[..., Any], *args: object, **options: object) -> Any:
        found = asked(uri, request, *args, **options)
        if isinstance(found, bytes):
            served.hear(len(found))
        return found

    monkeypatch.setattr(web, "_asked", overheard)
    with serve(Site(bytes(range(256)) * 4000)) as served:
        yield served
