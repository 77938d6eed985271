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
    drops: list[int] = field(default_factory=list)
    """After how many bytes the next answers break off."""
    statuses: list[int] = field(default_factory=list)
    """What the next answers are instead of the file."""
    redirect: str = ""
    silence: float = 0.0
    """Seconds it waits in the middle of an answer."""
    asked: list[str] = field(default_factory=list)
    """The path of each request."""
    logins: list[str] = field(default_factory=list)
    """The header Authorization of each request, empty where there is none."""
    url: str = ""


@contextmanager
def serve(site: Site) -> Iterator[Site]:
    """Serve a site from threads until the block ends."""
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            site.logins.append(self.headers.get("Authorization", ""))
            if self.path.startswith("/from"):
                self.send_response(302)
                self.send_header("Location", site.redirect)
                self.end_headers()
            elif site.statuses:
                self.send_error(site.statuses.pop(0))
            else:
                self._send()

        def _send(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(site.content)))
            self.end_headers()
            if site.drops:
                self.wfile.write(site.content[: site.drops.pop(0)])
                return
            half = len(site.content) // 2
            self.wfile.write(site.content[:half])
            stop.wait(site.silence)
            with suppress(ConnectionError):  # the client may have what it wants
                self.wfile.write(site.content[half:])

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
