"""A web server on this machine that serves one file, as well or as badly as a test wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server does, and what it was asked."""

    content: bytes
    etag: str | None = '"one"'
    ranges: bool = True
    announced: int | None = None
    """The size it claims, if not the true one."""
    drops: list[int] = field(default_factory=list)
    """After how many bytes the next answers break off."""
    statuses: list[int] = field(default_factory=list)
    """What the next answers are instead of the file."""
    redirect: str = ""
    silence: float = 0.0
    """Seconds it waits in the middle of an answer."""
    sent: int = 0
    heard: int = 0
    """Bytes that the client has handed on, if it is watched (`hear`)."""
    news: threading.Condition = field(default_factory=threading.Condition)
    asked: list[str] = field(default_factory=list)
    """The range of each request, empty for the whole file."""
    url: str = ""

    def hear(self, size: int) -> None:
        """Note that the client has handed on so many bytes."""
        with self.news:
            self.heard += size
            self.news.notify_all()

    def wait_until_heard(self) -> None:
        """Wait until the client, if it is watched, has handed on all that was sent."""
        with self.news:
            self.news.wait_for(lambda: self.heard >= self.sent, timeout=2)


@contextmanager
def serve(site: Site) -> Iterator[Site]:
    """Serve a site from threads until the block ends."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.headers.get("Range", ""))
            if self.path.startswith("/from"):
                self.send_response(302)
                self.send_header("Location", site.redirect)
                self.end_headers()
            elif site.statuses:
                self.send_error(site.statuses.pop(0))
            else:
                self._send(self.headers.get("Range", "") if site.ranges else "")

        def _send(self, span: str) -> None:
            start = int(span.removeprefix("bytes=").removesuffix("-") or 0)
            size = len(site.content) if site.announced is None else site.announced
            if start >= max(size, 1):
                self.send_error(416)
                return
            self.send_response(206 if span else 200)
            if span:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            if site.etag is not None:
                self.send_header("ETag", site.etag)
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            body = site.content[start:]
            if site.drops:
                self._write(body[: site.drops.pop(0)])
                site.wait_until_heard()  # aiohttp forgets what it has not handed on when a connection breaks
                return
            half = min(len(body) // 2, size)
            self._write(body[:half])
            if half == size:  # what comes now is more than was announced
                site.wait_until_heard()
            stop.wait(site.silence)
            with suppress(ConnectionError):  # the client may have what it wants
                self._write(body[half:])

        def _write(self, data: bytes) -> None:
            with site.news:
                site.sent += len(data)
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with listening(Handler) as address:
        site.url = f"{address}/data/pictures.zip"
        try:
            yield site
        finally:
            stop.set()


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Yield the address of a server of this machine; it has ended in the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
