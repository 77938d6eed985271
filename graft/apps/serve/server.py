"""The server: uvicorn around the app."""

import os
import signal
import sys
import threading
from contextlib import suppress
from math import ceil

import uvicorn

from graft.apps.serve.app import create_app
from graft.apps.serve.config import Settings
from graft.apps.serve.protocol import Http
from graft.predict.predictor import Predictor

GRACE = 5
"""Seconds until a server that was told to stop waits no more for bodies; then what is here is answered."""


def build(predictor: Predictor, settings: Settings, host: str, port: int, access_log: bool = False) -> uvicorn.Server:
    """Return a server that is ready to run."""
    app = create_app(predictor, settings)

    class Protocol(Http):
        """A connection of this server."""

        head_timeout = settings.read_timeout
        grace = GRACE
        max_connections = settings.max_connections
        metrics = app.state.metrics

    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=Protocol,
            ws="none",
            lifespan="on",
            access_log=access_log,
            proxy_headers=False,  # nothing depends on who asks, so nobody need be believed
            server_header=False,
            timeout_graceful_shutdown=ceil(settings.timeout + GRACE),
        )
    )


def run(predictor: Predictor, settings: Settings, host: str, port: int, access_log: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, and then until what is in flight is answered."""
    # uvicorn raises the signal again once it is done, for whoever handled it before
    signal.signal(signal.SIGTERM, _leave)
    with suppress(KeyboardInterrupt):
        build(predictor, settings, host, port, access_log).run()
    _leave()


def _leave(*_: object) -> None:
    """End the process, even where a picture is still being decoded: Python would wait for it, maybe for minutes."""
    if threading.active_count() > 1:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)
    sys.exit(0)
