"""What Prometheus reads: requests, latencies, batches, the queue."""

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Metrics:
    """The figures of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter("graft_requests", "Requests answered.", ["method", "path", "status"], registry=registry)
        self.seconds = Histogram(
            "graft_request_seconds", "From head to answer.", ["path"], registry=registry, buckets=SECONDS
        )
        self.images = Counter("graft_pictures", "Pictures that came.", ["outcome"], registry=registry)
        self.batches = Histogram(
            "graft_batch_pictures", "Pictures that shared a run of the graph.", registry=registry, buckets=BATCH_SIZES
        )
        self.graph = Histogram("graft_graph_seconds", "Runs of the graph.", registry=registry, buckets=SECONDS)
        self.queue = Gauge("graft_queue_pictures", "Pictures that wait or are worked on.", registry=registry)


class Measured:
    """ASGI middleware that counts and times responses, under the paths it knows: clients must not make up series."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Sequence[str]) -> None:
        self.app, self.metrics, self.paths = app, metrics, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        path = scope["path"] if scope["path"] in self.paths else "other"
        method = scope["method"] if scope["method"] in METHODS else "other"
        status = "none"  # a client that disconnected before its response

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                self.metrics.seconds.labels(path).observe(time.perf_counter() - start)
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            self.metrics.requests.labels(method, path, status).inc()
