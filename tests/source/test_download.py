"""A file is fetched whole and verified, or refused in plain words; what lies here is found."""

import hashlib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import fsspec
import pytest
from filelock import FileLock
from fsspec.registry import _registry
from tenacity import wait_none

from graft.core.errors import SourceError
from graft.source import download
from graft.source.download import TRIES, fetch_file, local_path, locate
from tests.source.site import Site

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "WAIT", wait_none())


def kept(folder: Path) -> list[str]:
    """Names of what lies in the folder of the one file that was fetched."""
    (home,) = folder.iterdir()
    return sorted(path.name for path in home.iterdir() if path.name != ".lock")


def refused(site: Site, folder: Path, message: str, sha256: str | None = None, size: int | None = None) -> None:
    with pytest.raises(SourceError, match=rf"^{site.url}: {message}"):
        fetch_file(site.url, folder, sha256, size)
    assert kept(folder) == []


@pytest.mark.parametrize(
    ("sha256", "size"), [(None, None), (SHA256, None), (None, len(CONTENT)), (SHA256, len(CONTENT))]
)
def test_a_file_is_fetched(site: Site, tmp_path: Path, sha256: str | None, size: int | None) -> None:
    file = local_path(site.url, tmp_path / "new" / "downloads", sha256, size)
    assert file.read_bytes() == CONTENT
    assert kept(tmp_path / "new" / "downloads") == ["pictures.zip"]
    assert len(site.asked) == 1


def test_an_empty_file_is_fetched(site: Site, tmp_path: Path) -> None:
    site.content = b""
    assert fetch_file(site.url, tmp_path).read_bytes() == b""


def test_a_file_with_the_hash_wanted_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    fetch_file(site.url, tmp_path)
    assert fetch_file(site.url, tmp_path, SHA256, len(CONTENT)).read_bytes() == CONTENT
    assert len(site.asked) == 1


def test_a_file_that_was_damaged_here_is_fetched_again(site: Site, tmp_path: Path) -> None:
    fetch_file(site.url, tmp_path, SHA256).write_bytes(b"damaged")
    assert fetch_file(site.url, tmp_path, SHA256).read_bytes() == CONTENT


def test_without_a_hash_a_file_is_fetched_again(site: Site, tmp_path: Path) -> None:
    fetch_file(site.url, tmp_path)
    site.content = b"new"
    assert fetch_file(site.url, tmp_path).read_bytes() == b"new"


def test_a_connection_that_breaks_off_is_tried_again(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.drops, site.statuses = [300_000], [500, 429]
    assert fetch_file(site.url, tmp_path).read_bytes() == CONTENT
    assert len(site.asked) == 4
    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    ("drops", "statuses", "message"),
    [
        ([100] * TRIES, [], "the connection broke off$"),
        ([], [500] * TRIES, "the server answers 500 Internal Server Error"),
    ],
)
def test_lasting_trouble_is_given_up(
    site: Site, tmp_path: Path, drops: list[int], statuses: list[int], message: str
) -> None:
    site.drops, site.statuses = drops, statuses
    refused(site, tmp_path, message)
    assert len(site.asked) == TRIES


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "nothing lies at this address$"),
        (403, "the server answers 403 Forbidden: it refuses access"),
        (401, "the server answers 401 Unauthorized: it wants a login"),
        (418, "the server answers 418 I'm a Teapot: is the address correct"),
    ],
)
def test_a_refusal_is_not_asked_again(site: Site, tmp_path: Path, status: int, message: str) -> None:
    site.statuses = [status]
    refused(site, tmp_path, message, size=3)
    assert len(site.asked) == 1


def test_another_size_is_refused(site: Site, tmp_path: Path) -> None:
    refused(site, tmp_path, f"has {len(CONTENT)} bytes; 1000 are expected", size=1000)


def test_another_hash_is_refused(site: Site, tmp_path: Path) -> None:
    refused(site, tmp_path, f"its sha256 is {SHA256}; expected was 000.*what came was removed", sha256="0" * 64)


def test_a_silent_server_is_given_up(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.silence = 60
    monkeypatch.setattr(download, "TRIES", 1)
    brief = download.aiohttp.ClientTimeout(sock_read=0.3)
    monkeypatch.setitem(download.WEB["client_kwargs"], "timeout", brief)
    refused(site, tmp_path, "no answer in time")


def test_nobody_listening_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TRIES", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.zip"
        with pytest.raises(SourceError, match=f"^{url}: its host cannot be reached$"):
            fetch_file(url, tmp_path)


def test_an_unknown_host_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceError, match=r"^http://nowhere\.example/a\.zip: its host is unknown"):
        fetch_file("http://nowhere.example/a.zip", tmp_path)


@pytest.mark.parametrize("url", ["http://", "https:///a.zip", "http://[::1/a.zip", "http://a:port/"])
def test_what_is_no_address_is_said(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match="is no valid address"):
        fetch_file(url, tmp_path)


def test_a_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    site.redirect = site.url
    assert fetch_file(site.url.replace("/data/", "/from/"), tmp_path).read_bytes() == CONTENT


def test_redirects_in_a_circle_are_said(site: Site, tmp_path: Path) -> None:
    site.redirect = url = site.url.replace("/data/", "/from/") + "?token=hidden"
    with pytest.raises(SourceError, match=r"leads in a circle of redirects$"):
        fetch_file(url, tmp_path)


def test_a_login_is_not_handed_on_to_another_host(site: Site, tmp_path: Path) -> None:
    site.redirect = site.url.replace("127.0.0.1", "localhost")
    url = site.url.replace("/data/", "/from/").replace("//", "//me:secret@")
    assert fetch_file(url, tmp_path).read_bytes() == CONTENT
    first, second = site.logins
    assert first.startswith("Basic ")
    assert second == ""


def test_two_processes_do_not_fetch_the_same_file_at_once(site: Site, tmp_path: Path) -> None:
    home = fetch_file(site.url, tmp_path).parent
    with FileLock(home / ".lock"), pytest.raises(SourceError, match="another process is fetching it"):
        fetch_file(site.url, tmp_path)


def test_a_full_disk_is_said(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_transfer", full)
    refused(site, tmp_path, "the disk is full: No space left on device")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("https://a.org/x/b.tar.gz?download=1#top", "b.tar.gz"),
        ("https://a.org/%2e%2e%2f..%2fetc%2fpasswd", "passwd"),
        ("https://a.org/..", "file"),
        ("https://a.org", "file"),
        ("https://a.org/x/", "x"),
        ("s3://bucket/ä b.zip", "__b.zip"),
        ("https://a.org/.part", "part"),
        ("https://a.org/" + "a" * 300 + ".safetensors", "a" * 88 + ".safetensors"),
    ],
)
def test_the_name_is_plain(uri: str, name: str) -> None:
    assert download._file_name(uri) == name


@pytest.mark.parametrize(
    "begins", ["http://me:secret@127.0.0.1:1/a.zip", "http://me:secret@[::1/a", "http://me:secret@a:port/"]
)
def test_no_failure_tells_a_secret(begins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TRIES", 1)
    with pytest.raises(SourceError) as caught:
        fetch_file(f"{begins}?token=hidden", tmp_path)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """fsspec's file system in memory, in the place of an object store."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def test_a_file_in_a_store_is_fetched(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    memory.pipe("/bucket/a.zip", CONTENT)
    file = fetch_file("memory://bucket/a.zip", tmp_path, SHA256, len(CONTENT))
    assert (file.read_bytes(), file.name) == (CONTENT, "a.zip")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("memory://bucket/none.zip", "nothing lies at this address"),
        ("memory://bucket", "is a folder; name one archive"),
        ("s3://bucket/a.zip", r"s3:// needs a library that is not installed: `pip install 'graft-vision\[s3\]'`"),
        ("gs://bucket/a.zip", r"`pip install 'graft-vision\[gs\]'`"),
        ("hf://datasets/a/b/c.zip", r"`pip install 'graft-vision\[hf\]'`"),
        ("sftp://host/a.zip", "sftp:// needs a library that is not installed: .*paramiko"),
        ("gopher://host/a.zip", "Protocol not known: gopher"),
    ],
)
def test_what_a_store_refuses_is_said(
    memory: fsspec.AbstractFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, message: str
) -> None:
    memory.pipe("/bucket/a.zip", CONTENT)
    for library in ("s3fs", "gcsfs", "huggingface_hub", "paramiko"):
        monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(_registry, uri.partition(":")[0], raising=False)  # where another test has imported it
    with pytest.raises(SourceError, match=f"^{uri}: .*{message}"):
        fetch_file(uri, tmp_path)


@pytest.mark.slow
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", str(key), "-out", str(certificate), *options]
    subprocess.run(made, check=True, capture_output=True)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with pytest.raises(SourceError, match=r"its certificate cannot be trusted$"):
            fetch_file(f"https://127.0.0.1:{server.server_port}/a.zip", tmp_path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with data whose code must not run."""
    root = tmp_path / "site" / "cells_of_glass"
    (root / "data").mkdir(parents=True)
    (root / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (root / "data" / "labels.csv").write_text("path,label\n")
    monkeypatch.syspath_prepend(str(root.parent))
    return root


def test_a_file_in_a_package_is_found_without_running_it(package: Path) -> None:
    assert locate("package://cells_of_glass/data/labels.csv") == package / "data" / "labels.csv"
    assert locate("package://cells_of_glass/data") == package / "data"
    assert locate("package://cells_of_glass") == package


def test_a_path_is_relative_to_the_working_folder_or_to_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for uri in ("images", str(tmp_path / "images"), "~/images"):
        assert local_path(uri).resolve() == tmp_path / "images"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("nowhere/at/all", "^nowhere/at/all: nothing lies at nowhere/at/all$"),
        ("package://cells_of_glass/none", "^package://cells_of_glass/none: nothing lies at .*/cells_of_glass/none$"),
        ("package://cells_of_tin/a", r"the package 'cells_of_tin' is not installed; try `pip install cells-of-tin`$"),
        ("package://this/data", "the package 'this' is not installed"),
        ("package://cells.of/data", "'cells.of' is no package name; expected package://NAME/PATH$"),
        ("package:///data", "'' is no package name; expected package://NAME/PATH$"),
        ("package://cells_of_glass/../other", "'../other' leads out of the package$"),
        ("package://cells_of_glass//etc/passwd", "'/etc/passwd' leads out of the package$"),
        ("file:///tmp/a.zip", "^file:///tmp/a.zip: write the path itself, without file://$"),
        ("~no-such-user/a.zip", "^~no-such-user/a.zip: there is no such user$"),
    ],
    ids=["path", "in a package", "no package", "a module", "dotted", "no name", "upwards", "absolute", "file", "user"],
)
def test_what_is_not_there_is_said(uri: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        locate(uri)


def test_a_link_out_of_a_package_is_not_followed(package: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (package / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError, match="'link' leads out of the package"):
        locate("package://cells_of_glass/link")
