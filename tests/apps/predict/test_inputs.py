"""What is named becomes images: in order, lazily, and nothing gets lost in silence."""

import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from graft.apps.predict.inputs import AT_ONCE, Inputs, Missing, Remote, prefetched
from graft.core.errors import DataError, SourceError
from tests.source.site import Site, listening, serve


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files by name alone; the command looks into none of them."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "b/2.JPG",
        "b/10.png",
        "b/deep/x.webp",
        "b/notes.txt",
        "b/.hidden.jpg",
        "b/.cache/y.jpg",
        "b/__MACOSX/z.jpg",
        "a.jpg",
        "ü ä.jpeg",
        "c[1].jpg",
        "c1.jpg",
        "folder.jpg/inner.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def named(*words: str, stdin: list[bytes] | None = None) -> list[str]:
    """Names of what is found; of what is missing, with the reason."""
    found = []
    for name in Inputs(words, stdin or []):
        if isinstance(name, Missing):
            with pytest.raises(DataError) as why:
                name.read()
            found.append(f"{name.name}: {why.value}")
        else:
            found.append(name)
    return found


def test_files_come_as_they_are_named() -> None:
    assert named("./a.jpg", "gone.jpg", "b/notes.txt", "c[1].jpg") == ["./a.jpg", "gone.jpg", "b/notes.txt", "c[1].jpg"]


@pytest.mark.parametrize("name", ["x" * 300, "[" + "x" * 300, "a\0b", "a.jpg/b.jpg"])
def test_names_that_cannot_be_looked_at_are_left_to_whoever_opens_them(name: str) -> None:
    assert named("-", stdin=[name.encode()]) in ([name], [f"{name}: no file matches this pattern"])


def test_folders_are_walked_in_order_without_what_is_hidden() -> None:
    inputs = Inputs(["b", "folder.jpg"], [])
    assert list(inputs) == ["b/10.png", "b/2.JPG", "b/deep/x.webp", "folder.jpg/inner.png"]
    assert (inputs.skipped, inputs.example) == (1, "b/notes.txt")
    assert named(".") == [
        *("a.jpg", "c1.jpg", "c[1].jpg", "ü ä.jpeg", "b/10.png", "b/2.JPG", "b/deep/x.webp", "folder.jpg/inner.png")
    ]


def test_a_folder_without_images_says_so(tree: Path) -> None:
    (tree / "empty").mkdir()
    assert named("empty") == ["empty: no picture lies in this folder, by name or content"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.jpg", ["a.jpg", "c1.jpg", "c[1].jpg"]),
        ("c[[]1].jpg", ["c[1].jpg"]),
        ("b/*", ["b/10.png", "b/2.JPG", "b/notes.txt"]),
        ("b/.*.jpg", ["b/.hidden.jpg"]),
        ("?/deep/*", ["b/deep/x.webp"]),
        ("**/*.png", ["b/10.png", "folder.jpg/inner.png"]),
        ("**/**/*.webp", ["b/deep/x.webp"]),
        ("b/**", ["b/10.png", "b/2.JPG", "b/deep/x.webp"]),
        ("b/**/x.webp", ["b/deep/x.webp"]),
        ("b/../?/1*", ["b/../b/10.png"]),
        ("*.tif", ["*.tif: no file matches this pattern"]),
        ("gone/*.tif", ["gone/*.tif: no file matches this pattern"]),
    ],
)
def test_patterns(pattern: str, found: list[str]) -> None:
    assert named(pattern) == found


def test_a_pattern_from_the_root(tree: Path) -> None:
    assert named(f"{tree}/b/*.png") == [f"{tree}/b/10.png"]


def test_lines_of_standard_input() -> None:
    lines = [b"a.jpg\n", b"\n", "ü ä.jpeg\r\n".encode(), b"b/deep\n", b"\xff.jpg\n", b"c[1].jpg"]
    assert named("c1.jpg", "-", "a.jpg", stdin=lines) == [
        *("c1.jpg", "a.jpg", "ü ä.jpeg", "b/deep/x.webp", os.fsdecode(b"\xff.jpg"), "c[1].jpg", "a.jpg")
    ]


def test_standard_input_is_read_line_by_line() -> None:
    def lines() -> Iterator[bytes]:
        yield b"a.jpg\n"
        raise AssertionError("read too far")

    assert next(iter(Inputs(["-"], lines()))) == "a.jpg"


def test_addresses_pass() -> None:
    assert named("https://example.org/*.jpg", "s3://bucket/a.jpg") == ["https://example.org/*.jpg", "s3://bucket/a.jpg"]


def test_links_are_followed_but_not_in_a_circle(tree: Path) -> None:
    (tree / "b/deep/up").symlink_to(tree / "b")
    (tree / "b/deep/self").symlink_to(".")
    (tree / "b/other").symlink_to(tree / "folder.jpg")
    assert named("b") == ["b/10.png", "b/2.JPG", "b/deep/x.webp", "b/other/inner.png"]


def test_a_folder_that_cannot_be_listed_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert named("b") == ["b/10.png", "b/2.JPG", "b/deep: the folder cannot be listed: Permission denied"]


class SlowServer:
    """A server that answers when it may: `entered` counts the requests, `go` lets them be answered."""

    def __init__(self) -> None:
        self.entered, self.go, self.url = threading.Semaphore(0), threading.Event(), ""


@pytest.fixture
def slow() -> Iterator[SlowServer]:
    slow = SlowServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            slow.entered.release()
            slow.go.wait()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"content")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with listening(Handler) as address:
        slow.url = f"{address}/a.png"
        yield slow
        slow.go.set()


def content(source: object) -> bytes:
    assert isinstance(source, Remote)
    return source.read()


def test_an_image_is_fetched_and_named_without_its_password() -> None:
    with serve(Site(b"content")) as site:
        (remote,) = prefetched([site.url.replace("//", "//user:secret@")])
        assert isinstance(remote, Remote)
        assert remote.name == site.url.replace("//", "//user:***@")
        assert content(remote) == b"content"


def test_what_goes_wrong_is_raised_where_it_is_read() -> None:
    with serve(Site(b"", statuses=[404])) as site:
        (remote,) = prefetched([site.url])
        with pytest.raises(SourceError, match="the server answers 404"):
            content(remote)


def test_paths_are_not_waited_for() -> None:
    missing = Missing("b", "gone")

    def inputs() -> Iterator[str | Missing]:
        yield "a.jpg"
        yield missing
        raise AssertionError("read too far")

    sources = prefetched(inputs())
    assert [next(sources), next(sources)] == ["a.jpg", missing]


def test_several_are_under_way_at_once_and_come_in_order(slow: SlowServer) -> None:
    found: list[object] = []
    names = [slow.url] * AT_ONCE + ["a.jpg", slow.url]
    reader = threading.Thread(target=lambda: found.extend(prefetched(names)))
    reader.start()
    for _ in range(AT_ONCE):
        slow.entered.acquire()  # all of them, before one is answered
    assert not slow.entered.acquire(blocking=False)
    slow.go.set()
    reader.join()
    assert [source if isinstance(source, str) else content(source) for source in found] == [
        *[b"content"] * AT_ONCE,
        "a.jpg",
        b"content",
    ]


@pytest.mark.skipif(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="Ctrl-C is ignored here")
def test_ctrl_c_ends_the_waiting_at_once(slow: SlowServer) -> None:
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        slow.entered.acquire()
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        next(prefetched([slow.url]))  # while the server has not answered yet
    fetching = [thread for thread in threading.enumerate() if thread.name.startswith("fetch ")]
    assert fetching
    assert all(thread.daemon for thread in fetching)  # for which nobody waits at exit
