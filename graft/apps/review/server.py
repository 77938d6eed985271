"""``graft review``: look again at what is suspected of being wrong, on a local page, and correct it."""

# Libraries are imported within functions: every command of graft reads the options.

import secrets
import socket
from pathlib import Path
from typing import Annotated

import typer

from graft.core.errors import DataError, GraftError

LOOPBACK = "127.0.0.1"


def review(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 0,
) -> None:
    """Show suspected label errors, outliers and near duplicates on a local page, and write corrections.csv."""
    import uvicorn

    from graft.apps.review.app import create_app
    from graft.apps.review.cases import REVIEW, Decisions, read_cases
    from graft.core import params
    from graft.data.raw import raw_root
    from graft.labels.rules import Labels

    values = params.load(Path("params.yaml"))
    if not REVIEW.is_file() and values["report"].get("review") == 0:
        raise DataError("report.review is 0, so nothing was looked for; set it, such as to 60, and run `dvc repro`")
    cases = read_cases()
    labels: Labels = params.check("labels", Labels, values["labels"])
    decisions = Decisions(cases, labels.label_separator)
    states, _ = decisions.state()  # refuses a damaged corrections.csv before anybody begins
    secret = secrets.token_urlsafe(24)
    app = create_app(cases, decisions, raw_root(Path("data/raw")), secret)
    with listen(port) as listener:
        num_open = sum(not state.settled for state in states)
        address = f"http://{LOOPBACK}:{listener.getsockname()[1]}/?token={secret}"
        typer.echo(f"{len(cases.rows)} cases, {num_open} of them open: {address}")
        typer.echo("what is decided there is written to corrections.csv at once; end with Ctrl-C, then run `dvc repro`")
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def listen(port: int) -> socket.socket:
    """Open a port on the loopback interface alone; 0 takes a free one.

    Raises:
        GraftError: it is taken, or not for us.
    """
    listener = socket.socket()
    try:
        # a port just left may be taken again at once, as uvicorn itself does it
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise GraftError(f"--port {port} cannot be used ({error.strerror}); leave it out to take a free one") from error
    return listener
