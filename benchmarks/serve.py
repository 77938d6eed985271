"""`graft serve` under load, over the loopback: ``python -m benchmarks.serve``.

A server process answers JPEGs of 1024 x 768 pixels from some clients at once, then more of them than its
queue has places for, and then ten thousand of 320 x 240 while its memory is read. Clients and server share
the cores. Writes ``benchmarks/serve.json`` and ``benchmarks/serve.md``; about four minutes on two cores.
"""

import argparse
import http.client
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.load import Clock
from benchmarks.machine import ROOT, footer, machine, save

OUT = Path(__file__).with_suffix(".json")
QUEUE = 64
ROUNDS = ((1, 200), (4, 400), (16, 600), (48, 600))
"""Clients at once, and requests of all of them; fewer than the queue has places for, so none may fail."""
FLOOD = (96, 600)
"""More than the queue holds: some are to be turned away, and only with 503."""
MEMORY = (8, 10_000)
SECONDS = 60.0
"""A round ends after so long, finished or not."""


@dataclass(slots=True)
class Round:
    """What clients saw: seconds of each answer, and how many there were of each status."""

    clients: int
    seconds: float = 0.0
    answers: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)


@contextmanager
def serving(bundle: Path) -> Iterator[tuple[psutil.Process, int]]:
    """A server process and its port."""
    command = [sys.executable, "-m", "graft", "serve", str(bundle), "--port", "0", "--max-queue", str(QUEUE)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            ports = (re.search(r"running on http://127\.0\.0\.1:(\d+)", line) for line in server.stderr)
            found = next(filter(None, ports), None)
            if found is None:
                raise RuntimeError(f"the server ended with {server.wait()}")
            yield psutil.Process(server.pid), int(found[1])
        finally:
            server.terminate()
            server.communicate(timeout=60)


def images(width: int, height: int, count: int = 8) -> list[bytes]:
    """JPEGs, smooth and with some noise, as cameras make them."""
    made = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((width, height))
        noisy = np.asarray(coarse, dtype=np.int16) + random.integers(-9, 10, (height, width, 3))
        out = BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
        made.append(out.getvalue())
    return made


def load(port: int, clients: int, requests: int, bodies: list[bytes], seconds: float = SECONDS) -> Round:
    """Send requests from some clients at once, each on a connection of its own, one after another."""
    found, lock, numbers = Round(clients), threading.Lock(), iter(range(requests))
    began = time.perf_counter()

    def client() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() - began < seconds:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            asked = time.perf_counter()
            link.request("POST", "/predict", bodies[number % len(bodies)], {"Content-Type": "image/jpeg"})
            response = link.getresponse()
            response.read()
            with lock:
                found.answers.append(time.perf_counter() - asked)
                found.statuses[response.status] = found.statuses.get(response.status, 0) + 1
        link.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.seconds = time.perf_counter() - began
    return found


def figures(found: Round) -> dict[str, Any]:
    """What is kept of a round."""
    cuts = quantiles(found.answers, n=100)
    done = sum(found.statuses.values())
    return {
        "clients": found.clients,
        "requests": done,
        "a_second": round(done / found.seconds, 1),
        "p50": round(cuts[49], 4),
        "p99": round(cuts[98], 4),
        "statuses": {str(status): count for status, count in sorted(found.statuses.items())},
    }


def measure(bundle: Path) -> dict[str, Any]:
    """All rounds, and the server's memory in MB over the last."""
    bodies, small, began = images(1024, 768), images(320, 240), Clock.now()
    with serving(bundle) as (server, port):
        load(port, 4, 100, bodies)
        rounds = [figures(load(port, clients, requests, bodies)) for clients, requests in ROUNDS]
        flood = figures(load(port, *FLOOD, bodies))
        memory = [rss(server)]
        clients, requests = MEMORY
        for _ in range(10):
            load(port, clients, requests // 10, small)
            memory.append(rss(server))
    others = began.others(Clock.now())
    return {
        "rounds": rounds,
        "flood": flood,
        "memory": {"requests": requests, "megabytes": memory},
        "queue": QUEUE,
        "others": round(others, 3),
        "machine": machine(),
    }


def rss(server: psutil.Process) -> float:
    """Memory that a process has in RAM, in MB."""
    megabytes: float = server.memory_info().rss / 2**20
    return round(megabytes, 1)


def table(results: dict[str, Any]) -> str:
    """Markdown table of throughput and latencies, and what became of the memory."""
    lines = ["| clients at once | pictures a second | median | 99th percentile | answers |", "|---|---|---|---|---|"]
    for found in [*results["rounds"], results["flood"]]:
        statuses = ", ".join(f"{count} x {status}" for status, count in found["statuses"].items())
        times = f"{found['p50'] * 1000:.0f} ms | {found['p99'] * 1000:.0f} ms"
        lines.append(f"| {found['clients']} | {found['a_second']:.0f} | {times} | {statuses} |")
    memory = results["memory"]["megabytes"]
    note = (
        f"One JPEG of 1024 x 768 pixels a request; the queue has {results['queue']} places, and what finds none is "
        f"refused with 503 at once. Over {results['memory']['requests']:,} more of 320 x 240 the server's memory went "
        f"from {memory[0]:.0f} to {memory[-1]:.0f} MB, at most {max(memory):.0f}. Clients and server share the cores; "
        f"others used {results['others']:.0%} of them meanwhile."
    )
    return "\n".join([*lines, "", note, "", footer(results["machine"])]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path, default=ROOT / "models/export", help="the folder that `export` wrote")
    parser.add_argument("--out", type=Path, default=OUT, help="the JSON; the table lies beside it")
    words = parser.parse_args()
    results = measure(words.bundle.resolve())
    save(words.out, results, table(results))
