"""A file is fetched whole, verified, resumed where it broke off, or refused in plain words."""

import hashlib
import json
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
from tenacity import wait_none

from graft.core.addresses import has_secret, masked, shown
from graft.core.errors import SourceError
from graft.source import remote
from graft.source.remote import TRIES, fetch_file
from tests.source.site import Site

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def fetch(site: Site, folder: Path, sha256: str | None = None, size: int | None = None) -> Path:
    return fetch_file(site.url, folder, sha256, size, wait=wait_none(), stall=5)


def remains(folder: Path) -> list[str]:
    """Names of what lies in the folder of the one file that was fetched."""
    (home,) = folder.iterdir()
    return sorted(path.name for path in home.iterdir() if path.name != ".lock")


def refused(site: Site, folder: Path, said: str, sha256: str | None = None, size: int | None = None) -> None:
    with pytest.raises(SourceError, match=rf"^{site.url}: {said}"):
        fetch(site, folder, sha256, size)
    assert "pictures.zip" not in remains(folder)


@pytest.mark.parametrize(
    ("sha256", "size"), [(None, None), (SHA256, None), (None, len(CONTENT)), (SHA256, len(CONTENT))]
)
def test_a_file_is_fetched(site: Site, tmp_path: Path, sha256: str | None, size: int | None) -> None:
    file = fetch(site, tmp_path / "new" / "downloads", sha256, size)
    assert file.read_bytes() == CONTENT
    assert file.name == "pictures.zip"
    assert site.asked == [""]
    assert remains(tmp_path / "new" / "downloads") == ["pictures.zip", "pictures.zip.facts"]


def test_an_empty_file_is_fetched(site: Site, tmp_path: Path) -> None:
    site.content = b""
    assert fetch(site, tmp_path).read_bytes() == b""


def test_a_file_with_the_hash_wanted_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    fetch(site, tmp_path)
    assert fetch(site, tmp_path, SHA256, len(CONTENT)).read_bytes() == CONTENT
    assert site.asked == [""]


def test_a_file_that_was_damaged_here_is_fetched_again(site: Site, tmp_path: Path) -> None:
    fetch(site, tmp_path, SHA256).write_bytes(b"damaged")
    assert fetch(site, tmp_path, SHA256).read_bytes() == CONTENT
    assert site.asked == ["", ""]


def test_without_a_hash_a_file_is_fetched_again_if_it_changed(site: Site, tmp_path: Path) -> None:
    before = fetch(site, tmp_path).stat()
    assert fetch(site, tmp_path).stat().st_ino == before.st_ino
    site.content, site.etag = b"new", '"two"'
    assert fetch(site, tmp_path).read_bytes() == b"new"


def test_without_a_hash_and_a_mark_a_file_is_fetched_again(site: Site, tmp_path: Path) -> None:
    site.etag = None
    fetch(site, tmp_path)
    site.content = CONTENT[::-1]
    assert fetch(site, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_download_goes_on_where_it_broke_off(site: Site, tmp_path: Path) -> None:
    site.drops = [300_000, 200_000, 1]
    assert fetch(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == ["", "bytes=300000-", "bytes=500000-", "bytes=500001-"]


def test_a_download_goes_on_after_the_process_was_killed(site: Site, tmp_path: Path) -> None:
    site.drops = [300_000]
    code = (
        "import sys; from pathlib import Path; from graft.source import remote;"
        "import os; remote.log.warning = lambda *_: os._exit(9);"  # killed while it waits to try again
        "remote.fetch_file(sys.argv[1], Path(sys.argv[2]))"
    )
    killed = subprocess.run([sys.executable, "-c", code, site.url, str(tmp_path)], check=False)
    assert killed.returncode == 9
    assert remains(tmp_path) == ["pictures.zip.facts", "pictures.zip.part"]
    assert fetch(site, tmp_path, SHA256).read_bytes() == CONTENT
    assert site.asked == ["", "bytes=300000-"]


def test_without_ranges_it_begins_again(site: Site, tmp_path: Path) -> None:
    site.drops, site.ranges = [300_000, 400_000], False
    assert fetch(site, tmp_path, SHA256).read_bytes() == CONTENT
    assert site.asked == ["", "bytes=300000-", "bytes=400000-"]


def test_without_a_mark_it_begins_again(site: Site, tmp_path: Path) -> None:
    site.drops, site.etag = [300_000], None
    assert fetch(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == ["", ""]


@pytest.mark.parametrize("ranges", [True, False])
def test_another_file_at_the_address_is_never_mixed_in(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ranges: bool
) -> None:
    site.drops = [300_000]
    monkeypatch.setattr(remote, "TRIES", 1)
    with pytest.raises(SourceError, match="broke off"):
        fetch(site, tmp_path)
    site.content, site.etag, site.ranges = CONTENT[::-1], '"two"', ranges
    assert fetch(site, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_file_that_became_shorter_is_begun_again(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.drops = [300_000]
    monkeypatch.setattr(remote, "TRIES", 1)
    with pytest.raises(SourceError, match="broke off"):
        fetch(site, tmp_path)
    site.content = b"short"
    assert fetch(site, tmp_path).read_bytes() == b"short"


def test_a_server_that_only_breaks_off_is_given_up(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site.drops = [0] * 100
    refused(site, tmp_path, "the connection broke off")
    assert len(site.asked) == TRIES
    assert len(caplog.records) == TRIES - 1


def test_what_came_counts_as_patience(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that drops every connection, but after a while each, is borne with to the end."""
    monkeypatch.setattr(remote, "STEP", 50_000)
    site.drops = [100_000] * 10
    assert fetch(site, tmp_path).read_bytes() == CONTENT
    assert len(site.asked) == 11


def test_beginning_again_is_no_patience_without_end(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "STEP", 50_000)
    site.drops, site.ranges = [200_000, 100_000] * 100, False
    refused(site, tmp_path, "the connection broke off")
    assert len(site.asked) == TRIES + 1


def test_a_server_in_trouble_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.statuses = [500, 503, 429]
    assert fetch(site, tmp_path).read_bytes() == CONTENT
    assert len(site.asked) == 4


def test_a_server_in_lasting_trouble_is_given_up(site: Site, tmp_path: Path) -> None:
    site.statuses = [500] * 100
    refused(site, tmp_path, "the server answers 500 Internal Server Error")
    assert len(site.asked) == TRIES


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "the server answers 404 Not Found: nothing lies at this address"),
        (403, "the server answers 403 Forbidden: it refuses access"),
        (401, "the server answers 401 Unauthorized: it wants a login"),
        (410, "the server answers 410 Gone: what lay"),
        (418, "the server answers 418 I'm a Teapot: is the address right"),
    ],
)
def test_a_refusal_is_not_asked_again(site: Site, tmp_path: Path, status: int, said: str) -> None:
    site.statuses = [status]
    refused(site, tmp_path, said)
    assert len(site.asked) == 1


def test_another_size_is_refused_before_a_byte_is_fetched(site: Site, tmp_path: Path) -> None:
    refused(site, tmp_path, f"has {len(CONTENT)} bytes; 3 are expected", size=3)
    assert remains(tmp_path) == []


def test_more_bytes_than_announced_do_not_come(site: Site, tmp_path: Path) -> None:
    site.announced = 1000
    assert fetch(site, tmp_path).read_bytes() == CONTENT[:1000]


def test_fewer_bytes_than_announced_are_not_enough(site: Site, tmp_path: Path) -> None:
    site.announced, site.ranges = len(CONTENT) + 1, False
    refused(site, tmp_path, "the connection broke off")


def test_another_hash_is_refused_and_removed(site: Site, tmp_path: Path) -> None:
    refused(site, tmp_path, f"its sha256 is {SHA256}; expected was {'0' * 64}. What came was removed", "0" * 64)
    assert remains(tmp_path) == []


def test_a_silent_server_is_given_up(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.silence = 60
    monkeypatch.setattr(remote, "TRIES", 2)
    with pytest.raises(SourceError, match=f"^{site.url}: no answer in time"):
        fetch_file(site.url, tmp_path, wait=wait_none(), stall=2)
    assert len(site.asked) == 2


def test_nobody_listening_is_said(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.zip"
        with pytest.raises(SourceError, match=f"^{url}: the host refuses the connection"):
            fetch_file(url, tmp_path, wait=wait_none())


@pytest.mark.parametrize(
    ("errno", "said", "times"),
    [(socket.EAI_NONAME, "unknown host; is it spelt right", 1), (socket.EAI_AGAIN, "is this machine online", TRIES)],
)
def test_an_unknown_host_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errno: int, said: str, times: int
) -> None:
    asked = []

    def unknown(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(errno, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SourceError, match=rf"^http://nowhere\.example/a\.zip: .*{said}"):
        fetch_file("http://nowhere.example/a.zip", tmp_path, wait=wait_none())
    assert asked == ["nowhere.example"] * times


@pytest.mark.parametrize("url", ["http://", "https:///a.zip", "http://[::1/a.zip", "http://a:port/"])
def test_what_is_no_address_is_said(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match="is no valid address"):
        fetch_file(url, tmp_path, wait=wait_none())


def test_a_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    site.redirect = site.url
    url = site.url.replace("/data/", "/from/")
    assert fetch_file(url, tmp_path, wait=wait_none()).read_bytes() == CONTENT


def test_redirects_in_a_circle_are_said(site: Site, tmp_path: Path) -> None:
    site.redirect = url = site.url.replace("/data/", "/from/") + "?token=hidden"
    with pytest.raises(SourceError, match=r"leads in a circle of redirects$"):
        fetch_file(url, tmp_path, wait=wait_none())


def test_two_processes_do_not_fetch_the_same_file_at_once(site: Site, tmp_path: Path) -> None:
    home = fetch(site, tmp_path).parent
    with FileLock(home / ".lock"), pytest.raises(SourceError, match="another process is fetching it"):
        fetch(site, tmp_path)


def test_too_little_room_is_said_before(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    refused(site, tmp_path, rf"has {len(CONTENT)} bytes; the disk of .* has room for 1000")


def test_strange_facts_are_not_gone_on_with(site: Site, tmp_path: Path) -> None:
    home = fetch(site, tmp_path).parent
    (home / "pictures.zip").rename(home / "pictures.zip.part")
    for text in ("", "[]", '{"strange": 1}', json.dumps({"mark": None, "size": None})):
        (home / "pictures.zip.part").write_bytes(b"old")
        (home / "pictures.zip.facts").write_text(text)
        assert fetch(site, tmp_path).read_bytes() == CONTENT
    assert site.asked == [""] * 5


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
    assert remote._name(uri) == name


@pytest.mark.parametrize(
    ("uri", "told", "secret"),
    [
        ("https://me:secret@a.org/b?c=:d@e", "https://a.org/b", True),
        ("https://token@a.org/b", "https://a.org/b", True),
        ("https://a.org/b.zip?X-Amz-Signature=12&X-Amz-Date=3#top", "https://a.org/b.zip", True),
        ("https://a.org:80/b?download=1", "https://a.org:80/b", False),
        ("https://me:se@cret@[::1/a", "https://[::1/a", True),
        ("s3://bucket/a@b.zip", "s3://bucket/a@b.zip", False),
        ("package://elpv_dataset/data", "package://elpv_dataset/data", False),
        ("/home/me/what? #1/token@x", "/home/me/what? #1/token@x", False),
    ],
)
def test_neither_login_nor_signature_is_shown(uri: str, told: str, secret: bool) -> None:
    assert (shown(uri), has_secret(uri)) == (told, secret)


def test_what_tells_addresses_apart_is_kept_but_for_the_password() -> None:
    assert masked("https://me:secret@a.org/b?id=1") == "https://me:***@a.org/b?id=1"
    assert masked("https://a.org:80/b") == "https://a.org:80/b"


@pytest.mark.parametrize(
    "begins", ["http://me:secret@127.0.0.1:1/a.zip", "http://me:secret@[::1/a", "http://me:secret@a:port/"]
)
def test_no_failure_tells_a_secret(begins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "TRIES", 1)
    with pytest.raises(SourceError) as refused:
        fetch_file(f"{begins}?token=hidden", tmp_path, wait=wait_none())
    assert "secret" not in str(refused.value)
    assert "hidden" not in str(refused.value)


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


def test_a_store_that_breaks_off_is_gone_on_with(
    memory: fsspec.AbstractFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe("/bucket/a.zip", CONTENT)
    opened = type(memory.open("/bucket/a.zip", "rb"))
    asked: list[int] = []

    def read(file: object, length: int = -1) -> bytes:
        asked.append(file.tell())  # type: ignore[attr-defined]
        if len(asked) == 2:
            raise ConnectionResetError("reset by peer")
        return bytes(original(file, 500_000 if len(asked) == 1 else length))

    original = opened.read
    monkeypatch.setattr(opened, "read", read)
    assert fetch_file("memory://bucket/a.zip", tmp_path, SHA256, wait=wait_none()).read_bytes() == CONTENT
    assert asked[:3] == [0, 500_000, 500_000]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("memory://bucket/none.zip", "nothing lies at this address"),
        ("memory://bucket", "is a folder; name one archive"),
        ("s3://bucket/a.zip", r"s3:// needs a library that is not installed: `pip install '\.\[s3\]'`"),
        ("gs://bucket/a.zip", r"`pip install '\.\[gs\]'`"),
        ("hf://datasets/a/b/c.zip", r"`pip install '\.\[hf\]'`"),
        ("sftp://host/a.zip", "sftp:// needs a library that is not installed: .*paramiko"),
        ("gopher://host/a.zip", "Protocol not known: gopher"),
    ],
)
def test_what_a_store_refuses_is_said(
    memory: fsspec.AbstractFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, said: str
) -> None:
    memory.pipe("/bucket/a.zip", CONTENT)
    for library in ("s3fs", "gcsfs", "huggingface_hub", "paramiko"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SourceError, match=f"^{uri}: .*{said}"):
        fetch_file(uri, tmp_path, wait=wait_none())


def test_a_redirect_from_https_to_http_is_refused(site: Site, tmp_path: Path) -> None:
    """In a process of its own: aiohttp reads the trusted certificates when it is imported."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", str(key), "-out", str(certificate), *options]
    subprocess.run(made, check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{site.url}?token=hidden")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    code = (
        "import sys; from pathlib import Path; from graft.core.errors import SourceError\n"
        "from graft.source.remote import fetch_file\n"
        "try: fetch_file(sys.argv[1], Path(sys.argv[2]))\n"
        "except SourceError as error: print(error)\n"
    )
    url = f"https://127.0.0.1:{server.server_port}/a.zip"
    try:
        said = {
            trust: subprocess.run(
                [sys.executable, "-W", "error", "-c", code, url, str(tmp_path / "downloads")],
                env={"SSL_CERT_FILE": str(trust)},
                capture_output=True,
                check=True,
                text=True,
            )
            for trust in (certificate, tmp_path / "none.pem")
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    trusted, strange = said.values()
    assert trusted.stdout == f"{url}: redirects from https to {site.url}, which anyone on the way can forge\n"
    assert strange.stdout.startswith(f"{url}: its certificate cannot be trusted")
    assert (trusted.stderr, strange.stderr, site.asked) == ("", "", [])
