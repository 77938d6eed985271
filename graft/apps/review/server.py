"""``graft review``: serve the page on this machine until it is interrupted."""

import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from graft.apps.review.app import HOSTS, address, make_app
from graft.apps.review.cases import REVIEW, Decisions, read_cases
from graft.core import params
from graft.core.errors import DataError, GraftError
from graft.data.raw import raw_root
from graft.labels.rules import Labels

RAW = Path("data/raw")


def serve(values: dict[str, Any], port: int, say: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        values: params.yaml.
        port: 0 takes a free one.
        say: told the address, and what is to be done there.

    Raises:
        DataError: there is nothing to review yet, or nothing was looked for.
        GraftError: the port is taken.
    """
    if not REVIEW.is_file() and values["evaluate"].get("review") == 0:
        raise DataError("evaluate.review is 0, so nothing was looked for; set it, such as to 60, and run `dvc repro`")
    cases = read_cases()
    labels: Labels = params.check("labels", Labels, values["labels"])
    decisions = Decisions(cases, labels.label_separator)
    states, _ = decisions.state()  # refuses a damaged corrections.csv before anybody begins
    secret = secrets.token_urlsafe(24)
    app = make_app(cases, decisions, raw_root(RAW), secret)
    with listen(port) as door:
        left = sum(not state.settled for state in states)
        say(f"{len(cases.rows)} cases, {left} of them open: {address(HOSTS[0], door.getsockname()[1], secret)}")
        say("what is decided there is written to corrections.csv at once; end with Ctrl-C, then run `dvc repro`")
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[door])


def listen(port: int) -> socket.socket:
    """Open a port on the loopback interface alone.

    Raises:
        GraftError: it is taken, or not for us.
    """
    door = socket.socket()
    try:
        # a port just left may be taken again at once, as uvicorn itself does it
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((HOSTS[0], port))
    except OSError as error:
        door.close()
        raise GraftError(f"--port {port} cannot be used ({error.strerror}); leave it out to take a free one") from error
    return door
