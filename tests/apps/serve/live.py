"""A live server, and raw bytes to and from it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from graft.apps.serve.config import Settings
from graft.apps.serve.server import build
from graft.predict.predictor import Predictor
from graft.predict.regions import Find

PATIENCE = 60.0
"""Seconds after which a server that says nothing has failed a test."""


@contextmanager
def running(predictor: Predictor, settings: Settings, find: Find | None = None) -> Iterator[tuple[uvicorn.Server, int]]:
    """A server on a free port of the loopback, in a thread of this process; yields it and its port."""
    server = build(predictor, settings, "127.0.0.1", 0, find=find)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextmanager
def live(predictor: Predictor, settings: Settings, find: Find | None = None) -> Iterator[int]:
    """As `running`; yields the port."""
    with running(predictor, settings, find) as (_, port):
        yield port


def head(path: str = "/predict", method: str = "POST", **headers: str | int) -> bytes:
    """Head of a request; underscores in names of headers stand for hyphens. The connection is closed behind it."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in ({"Connection": "close"} | headers).items()]
    return "\r\n".join([*lines, "", ""]).encode()


def connected(port: int) -> socket.socket:
    """A connection to a server, which times out."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def talk(port: int, *chunks: bytes) -> bytes:
    """Send bytes as they are, and return all that comes until the server closes."""
    with connected(port) as link:
        for chunk in chunks:
            link.sendall(chunk)
        return read_all(link)


def begun(port: int, request_head: bytes) -> socket.socket:
    """Send the head of a request that waits to be asked for its body, until it is."""
    link = connected(port)
    link.sendall(request_head)
    assert link.recv(65536).startswith(b"HTTP/1.1 100 ")
    return link


def read_all(link: socket.socket) -> bytes:
    """All that comes until the server closes."""
    received = bytearray()
    while piece := link.recv(65536):
        received += piece
    return bytes(received)


def parsed(received: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of the last response in what was received."""
    top, _, body = received[received.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, json.loads(body)
