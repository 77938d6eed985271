"""Clusters on loopback, to which ``GRAFT_ENGINE`` leads: of Dask and of Ray, begun and ended here."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
LONGEST = 90.0
"""Seconds that a cluster may take to begin, on a machine that is busy."""


@dataclass(frozen=True)
class Cluster:
    address: str
    workers: list[subprocess.Popen[bytes]]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def begin(*words: str) -> subprocess.Popen[bytes]:
    """A process of its own group, which finds this copy of graft, in a folder of its own."""
    variables = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=variables,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + LONGEST
    while time.monotonic() < limit:
        assert process.poll() is None, f"{process.args!r} ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{process.args!r} does not answer")


@contextmanager
def dask(workers: int) -> Iterator[Cluster]:
    """A scheduler and workers of one thread each, which see the whole of this machine."""
    from distributed import Client

    port, local = free_port(), ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = begin("distributed.cli.dask_scheduler", *local, "--port", str(port))
    begun: list[subprocess.Popen[bytes]] = []
    with TemporaryDirectory(prefix="dask-") as folder:
        try:
            wait_for(port, scheduler)
            words = [f"tcp://127.0.0.1:{port}", *local, "--nthreads", "1", "--no-nanny", "--local-directory"]
            begun += [begin("distributed.cli.dask_worker", *words, f"{folder}/{each}") for each in range(workers)]
            with Client(f"tcp://127.0.0.1:{port}", set_as_default=False, timeout=LONGEST) as client:
                client.wait_for_workers(workers, timeout=LONGEST)
            yield Cluster(f"dask://127.0.0.1:{port}", begun)
        finally:
            for process in [*begun, scheduler]:
                end(process)


@contextmanager
def ray(folder: Path) -> Iterator[Cluster]:
    """A node of two cores, with its server of clients; `folder` has a short path, for sockets lie in it."""
    port, clients = free_port(), free_port()
    words = ["--node-ip-address=127.0.0.1", f"--port={port}", f"--ray-client-server-port={clients}", "--num-cpus=2"]
    words += ["--include-dashboard=false", "--disable-usage-stats", "--object-store-memory=100000000"]
    head = begin("ray.scripts.scripts", "start", "--head", "--block", *words, f"--temp-dir={folder}")
    try:
        wait_for(clients, head)
        yield Cluster(f"ray://127.0.0.1:{clients}", [head])
    finally:
        end(head)
