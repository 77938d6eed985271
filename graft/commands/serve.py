"""``graft serve``: the classifier over HTTP, and a page to try it on."""

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from graft.errors import GraftError

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    bundle: Annotated[Path, typer.Argument(help="The folder that `export` wrote.")] = Path("models/export"),
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="GRAFT_TOKEN", help="What clients must know; better in the environment than in `ps`."),
    ] = None,
    max_body: Annotated[int, typer.Option(min=1, help="MiB of a request.")] = 32,
    max_memory: Annotated[int, typer.Option(min=1, help="MiB of all requests held at once.")] = 256,
    max_pixels: Annotated[int, typer.Option(min=1, help="Width times height of a picture.")] = 32_000_000,
    max_files: Annotated[int, typer.Option(min=1, help="Pictures of a request.")] = 16,
    max_queue: Annotated[int, typer.Option(min=1, help="Pictures that may wait; above, 503.")] = 64,
    max_batch: Annotated[int, typer.Option(min=1, help="Pictures that the graph takes at once.")] = 8,
    max_wait: Annotated[float, typer.Option(min=0.01, help="Milliseconds to wait for others of a batch.")] = 4.0,
    max_connections: Annotated[int, typer.Option(min=1, help="Clients connected at once.")] = 256,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds until an answer; above, 504.")] = 30.0,
    read_timeout: Annotated[float, typer.Option(min=0.01, help="Seconds until a request is here; above, 408.")] = 20.0,
    decoders: Annotated[int, typer.Option(min=1, help="Threads that decode.")] = 2,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log every request.")] = False,
) -> None:
    """Serve a bundle over HTTP, with a page to try it on; nothing is written to disk or sent elsewhere."""
    if not (bundle / "graft.json").is_file():
        raise GraftError(f"{bundle}: no bundle lies there; `dvc repro` writes one to models/export")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd files: the answer says what matters
    from graft.predict.predictor import Predictor
    from graft.serve.server import run
    from graft.serve.settings import Settings

    settings = Settings(
        max_body=max_body * 2**20,
        max_memory=max_memory * 2**20,
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
    if host not in LOOPBACK and token is None:
        typer.echo(
            f"{host}: whoever reaches this address may use the classifier; GRAFT_TOKEN asks for a token", err=True
        )
    run(Predictor(bundle), settings, host, port, access_log)


if __name__ == "__main__":  # for images that hold the server alone: `graft` itself needs the pipeline's packages
    try:
        typer.run(serve)
    except GraftError as problem:
        sys.exit(f"graft: {problem}")
