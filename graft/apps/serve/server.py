"""``graft serve``: its options, and uvicorn around the app."""

# Libraries are imported within functions: every command of graft reads the options.

import os
import signal
import sys
import threading
import warnings
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graft.apps.predict.command import Margin, Precision, Runtime, Threshold
from graft.apps.serve.config import Settings, SettingsError
from graft.core.errors import GraftError

if TYPE_CHECKING:
    from uvicorn import Server

    from graft.predict.predictor import Predictor
    from graft.predict.regions import Find

PORT, TOKEN = "GRAFT_PORT", "GRAFT_TOKEN"
"""Variables of the environment that stand for options."""

MIB = 2**20
MAX_HEAD = 16 * 1024  # bytes of a request's path and headers
GRACE = 5  # seconds beyond the timeout of an answer that a server which is to stop waits for what is under way


def serve(
    folder: Annotated[Path | None, typer.Argument(help="The bundle, as --bundle names it.", show_default=False)] = None,
    bundle: Annotated[Path, typer.Option(help="The folder that `dvc repro export` wrote.")] = Path("models/export"),
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar=PORT, min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar=TOKEN, help="What clients must know; better in the environment than in `ps`.")
    ] = None,
    max_body: Annotated[int, typer.Option(help="MiB of a request.")] = Settings.max_body // MIB,
    max_memory: Annotated[int, typer.Option(help="MiB of all requests held at once.")] = Settings.max_memory // MIB,
    max_pixels: Annotated[int, typer.Option(help="Width times height of a picture.")] = Settings.max_pixels,
    max_files: Annotated[int, typer.Option(help="Pictures of a request.")] = Settings.max_files,
    max_queue: Annotated[int, typer.Option(help="Pictures that may wait; above, 503.")] = Settings.max_queue,
    max_batch: Annotated[int, typer.Option(help="Pictures that the graph takes at once.")] = Settings.max_batch,
    max_wait: Annotated[float, typer.Option(help="Milliseconds to wait for a batch.")] = 1000 * Settings.max_wait,
    max_connections: Annotated[int, typer.Option(help="Clients connected at once.")] = Settings.max_connections,
    timeout: Annotated[float, typer.Option(help="Seconds until an answer; above, 504.")] = Settings.timeout,
    read_timeout: Annotated[
        float, typer.Option(help="Seconds until a body is here, and one more for each 16 KiB of it; above, 408.")
    ] = Settings.read_timeout,
    decoders: Annotated[int, typer.Option(help="Threads that decode.")] = Settings.decoders,
    precision: Precision = "float",
    runtime: Runtime = None,
    threshold: Threshold = None,
    regions: Annotated[
        str | None, typer.Option(help="faces: find faces, and classify each; needs the extra `faces`.")
    ] = None,
    margin: Margin = 0.0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to compute with; without, one a core.")] = None,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log every request.")] = False,
) -> None:
    """Serve a bundle over HTTP, with a page to try it on; no image is written to disk or sent elsewhere."""
    bundle = folder or bundle
    if not (bundle / "graft.json").is_file():
        raise GraftError(f"{bundle}: no bundle lies there; `dvc repro` writes one to models/export")
    if regions not in (None, "faces"):
        raise SettingsError(f"--regions {regions}: a server finds faces alone; for boxes of a table, `graft predict`")
    from graft.predict.predictor import Predictor
    from graft.predict.regions import find_regions

    warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd files: the answer says what matters
    if token is None and os.environ.get(TOKEN) == "":  # which typer takes for a variable that is not set
        raise SettingsError(f"{TOKEN} is set and empty, which asks for no token: unset it, or give it one")
    settings = Settings(
        max_body=max_body * MIB,
        max_memory=max_memory * MIB,
        max_pixels=max_pixels,
        max_files=max_files,
        max_queue=max_queue,
        max_batch=max_batch,
        max_wait=max_wait / 1000,
        max_connections=max_connections,
        timeout=timeout,
        read_timeout=read_timeout,
        decoders=decoders,
        token=token,
    )
    if host not in ("127.0.0.1", "::1", "localhost") and token is None:
        typer.echo(f"{host}: whoever reaches this address may use the classifier; {TOKEN} asks for a token", err=True)
    predictor = Predictor(bundle, precision=precision, threads=threads, threshold=threshold, runtime=runtime)
    run(predictor, settings, host, port, access_log, find_regions(regions, margin) if regions else None)


def build(
    predictor: "Predictor",
    settings: Settings,
    host: str,
    port: int,
    access_log: bool = False,
    find: "Find | None" = None,
) -> "Server":
    """Return a server that is ready to run."""
    import uvicorn

    from graft.apps.serve.app import create_app

    config = uvicorn.Config(
        create_app(predictor, settings, find),
        host=host,
        port=port,
        http="h11",  # the one whose heads have a limit
        h11_max_incomplete_event_size=MAX_HEAD,
        ws="none",
        lifespan="on",
        access_log=access_log,
        proxy_headers=False,  # nothing depends on who asks, so nobody need be believed
        server_header=False,
        limit_concurrency=settings.max_connections + 1,  # which refuses the connection that reaches it
        timeout_graceful_shutdown=ceil(settings.timeout + GRACE),
    )
    return uvicorn.Server(config)


def run(
    predictor: "Predictor",
    settings: Settings,
    host: str,
    port: int,
    access_log: bool = False,
    find: "Find | None" = None,
) -> None:
    """Serve until SIGTERM or SIGINT, and then until what is under way is answered."""
    # uvicorn raises the signal again once it is done, for whoever handled it before
    signal.signal(signal.SIGTERM, _exit)
    with suppress(KeyboardInterrupt):
        build(predictor, settings, host, port, access_log, find).run()
    _exit()


def _exit(*_: object) -> None:
    """End the process, even where an image is still being decoded: Python would wait for it, maybe for minutes."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    sys.exit(0)
