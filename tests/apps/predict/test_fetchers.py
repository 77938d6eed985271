"""Several addresses are asked at once, and none is waited for when the run ends."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from graft.apps.predict.fetch import AT_ONCE, fetching
from graft.core.errors import SourceError
from tests.source.site import Site, listening, serve


class Held:
    """A server that answers when it may: `entered` counts the requests, `go` lets them be answered."""

    def __init__(self) -> None:
        self.entered, self.go, self.url = threading.Semaphore(0), threading.Event(), ""


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held.entered.release()
            held.go.wait()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"content")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with listening(Handler) as address:
        held.url = f"{address}/a.png"
        yield held
        held.go.set()


def test_an_image_is_fetched() -> None:
    with serve(Site(b"content")) as site, fetching() as begin:
        remote = begin(site.url.replace("//", "//user:secret@"))
        assert remote.name == site.url.replace("//", "//user:***@")
        assert remote.read() == b"content"


def test_what_goes_wrong_is_told_to_whoever_reads() -> None:
    with serve(Site(b"", statuses=[404])) as site, fetching() as begin:
        remote = begin(site.url)
        with pytest.raises(SourceError, match="the server answers 404"):
            remote.read()


def test_several_are_under_way_at_once(held: Held) -> None:
    with fetching() as begin:
        remotes = [begin(held.url) for _ in range(AT_ONCE + 1)]
        for _ in range(AT_ONCE):
            held.entered.acquire()  # all of them, before one is answered
        assert not held.entered.acquire(blocking=False)
        held.go.set()
        assert [remote.read() for remote in remotes] == [b"content"] * len(remotes)


def test_what_is_under_way_at_the_end_is_given_up(held: Held) -> None:
    with fetching() as begin:
        remote = begin(held.url)
        held.entered.acquire()
        fetchers = [thread for thread in threading.enumerate() if thread.name.startswith("fetch_")]
        assert fetchers
        assert all(thread.daemon for thread in fetchers)  # for which nobody waits at exit
    with pytest.raises(SourceError, match="was given up before it was there"):
        remote.read()


@pytest.mark.skipif(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="Ctrl-C is ignored here")
def test_ctrl_c_gives_up_at_once(held: Held) -> None:
    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool, fetching() as begin:
        reading = pool.submit(begin(held.url).read)
        held.entered.acquire()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(SourceError, match="was given up"):
            reading.result()  # while the server has not answered yet
    assert signal.getsignal(signal.SIGINT) is before
