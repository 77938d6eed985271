"""An image at an address: bounded in size and time, and an error says why."""

import socket
import sys
from base64 import b64decode
from http.client import HTTPMessage
from io import BytesIO
from pathlib import Path

import pytest

from graft.apps.predict.fetch import _request, _SafeRedirects, fetch
from graft.core.errors import SourceError
from tests.source.site import Site, serve


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("http://example.org/ä b.jpg?q=ü ü&c=1", "http://example.org/%C3%A4%20b.jpg?q=%C3%BC%20%C3%BC&c=1"),
        ("http://example.org/a%20b.jpg?c=%26", "http://example.org/a%20b.jpg?c=%26"),
        ("http://bücher.example:81/a.jpg", "http://xn--bcher-kva.example:81/a.jpg"),
        ("http://[::1]:81/a.jpg", "http://[::1]:81/a.jpg"),
    ],
)
def test_an_address_is_asked_for_in_the_characters_of_http(address: str, asked: str) -> None:
    assert _request(address).full_url == asked


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("http://one.example/b.jpg", True),
        ("http://one.example:80/b.jpg", True),
        ("http://two.example/b.jpg", False),
        ("http://one.example:81/b.jpg", False),
        ("https://one.example/b.jpg", False),
    ],
)
def test_a_login_is_sent_to_nobody_else(target: str, kept: bool) -> None:
    request = _request("http://user:secret@one.example/a.jpg")
    followed = _SafeRedirects().redirect_request(request, BytesIO(), 302, "Found", HTTPMessage(), target)
    assert followed is not None
    assert ("Authorization" in followed.headers) is kept


def test_a_login_in_the_address_is_sent_and_not_asked_for_as_a_host() -> None:
    request = _request("https://us%20er:se%3Acret@example.org:8443/a.jpg?b")
    assert request.full_url == "https://example.org:8443/a.jpg?b"
    assert b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"us er:se:cret"
    assert "Authorization" not in _request("https://example.org").headers


def test_redirects_are_followed() -> None:
    with serve(Site(b"content")) as site:
        site.redirect = site.url
        assert fetch(site.url.replace("data", "from")) == b"content"


@pytest.mark.parametrize("redirect", ["ftp://example.org/a.jpg", "file:///etc/passwd"])
def test_redirects_elsewhere_are_not(redirect: str) -> None:
    with serve(Site(b"", redirect=redirect)) as site, pytest.raises(SourceError, match=r"redirects to|is not allowed"):
        fetch(site.url.replace("data", "from"))


def test_the_server_says_no() -> None:
    with serve(Site(b"", statuses=[404])) as site, pytest.raises(SourceError, match="the server answers 404 Not Found"):
        fetch(site.url)


def test_too_much_is_refused() -> None:
    with serve(Site(b"x" * 300_000)) as site, pytest.raises(SourceError, match="has more than 1000 bytes"):
        fetch(site.url, max_bytes=1000)


def test_silence_and_slowness_have_an_end() -> None:
    with serve(Site(b"x" * 200, silence=1.0)) as site:
        with pytest.raises(SourceError, match=r"no answer within 0.1 s"):
            fetch(site.url, read_timeout=0.1)
        with pytest.raises(SourceError, match=r"is not there after 0.01 s"):
            fetch(site.url, total_timeout=0.01)


def test_no_such_host_port_or_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceError, match="cannot be fetched: ConnectionRefusedError"):
        fetch(f"http://127.0.0.1:{port}/a.jpg")
    for address in ("http://[broken/a.jpg", "http:///a.jpg", "http://a b/c.jpg"):
        with pytest.raises(SourceError, match="cannot be fetched"):
            fetch(address)


def test_other_stores_are_read_with_fsspec(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"content")
    assert fetch(f"local://{tmp_path}/a.jpg") == b"content"
    with pytest.raises(SourceError, match="cannot be fetched: FileNotFoundError"):
        fetch(f"local://{tmp_path}/b.jpg")
    with pytest.raises(SourceError, match="cannot be fetched: ValueError: Protocol not known"):
        fetch("nonsense://a.jpg")


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for scheme, extra in (("s3", "s3"), ("gs", "gs"), ("hf", "hf"), ("memory", "pipeline")):
        with pytest.raises(SourceError, match=rf"{scheme}:// needs a package.*`pip install 'graft-vision\[{extra}\]'`"):
            fetch(f"{scheme}://bucket/a.jpg")
