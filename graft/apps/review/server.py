"""``graft review`` and ``graft label``: a local page on which a person corrects labels, or gives new ones."""

# Libraries are imported within functions: every command of graft reads the options.

import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graft.core.errors import DataError, GraftError

if TYPE_CHECKING:
    from graft.apps.review.cases import Case, Decisions

LOOPBACK = "127.0.0.1"


Port = Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")]


def review(port: Port = 0) -> None:
    """Show suspected label errors, outliers and near duplicates on a local page, and write corrections.csv."""
    from graft.apps.review.cases import REVIEW, Decisions, read_cases
    from graft.core import params

    values = params.load(Path("params.yaml"))
    if not REVIEW.is_file() and values["report"].get("review") == 0:
        raise DataError("report.review is 0, so nothing was looked for; set it, such as to 60, and run `dvc repro`")
    cases = read_cases()
    decisions = Decisions(cases, _separator(values))
    states, _ = decisions.state()  # refuses a damaged corrections.csv before anybody begins
    num_open = sum(not state.settled for state in states)
    _serve(decisions, port, f"{len(cases.rows)} cases, {num_open} of them open")


def label(
    count: Annotated[int, typer.Option(min=1, max=500, help="Pictures in a batch; then the next are chosen.")] = 10,
    at_random: Annotated[
        bool, typer.Option("--random", help="Draw them at random: for a test split that means what it says.")
    ] = False,
    port: Port = 0,
) -> None:
    """Show pictures without a label on a local page, those first that teach most, and write corrections.csv."""
    from graft.apps.review.cases import Cases, Decisions, classes_of
    from graft.apps.review.pool import Pool
    from graft.core import params

    values = params.load(Path("params.yaml"))
    pool = Pool.read()
    cases = Cases([], pool.labels, classes_of(pool.labels), pool.multi_label, new_classes=True)
    decisions = Decisions(cases, _separator(values))

    def more() -> "list[Case]":
        return pool.batch(decisions.corrected(), decisions.skipped(), count, at_random)

    cases.rows.extend(more())
    for warning in pool.warnings(values["split"].get("by")):
        typer.echo(f"warning: {warning}")
    _serve(decisions, port, f"{pool.waiting(decisions.corrected())} pictures without a label", more)


def _separator(values: dict[str, Any]) -> str | None:
    from graft.core import params
    from graft.labels.rules import Labels

    labels: Labels = params.check("labels", Labels, values["labels"])
    return labels.label_separator


def _serve(decisions: "Decisions", port: int, found: str, more: "Callable[[], list[Case]] | None" = None) -> None:
    """Serve the page until Ctrl-C."""
    import uvicorn

    from graft.apps.review.app import create_app
    from graft.data.raw import raw_root

    secret = secrets.token_urlsafe(24)
    app = create_app(decisions.cases, decisions, raw_root(Path("data/raw")), secret, more)
    with listen(port) as listener:
        typer.echo(f"{found}: http://{LOOPBACK}:{listener.getsockname()[1]}/?token={secret}")
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
