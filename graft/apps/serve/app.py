"""The app: its routes, and the middleware around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from numpy.typing import NDArray
from prometheus_client import generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from graft import __version__
from graft.apps.serve import page
from graft.apps.serve.batching import Batcher, Decoders, Line
from graft.apps.serve.config import Settings
from graft.apps.serve.leaving import unless_left
from graft.apps.serve.limits import Limits
from graft.apps.serve.linger import Linger
from graft.apps.serve.metrics import Measured, Metrics
from graft.apps.serve.pictures import pixels_of
from graft.apps.serve.problems import ProblemError, Problems, Refused, busy, of_http, of_validation
from graft.apps.serve.schemas import (
    ALWAYS,
    BODY,
    GUARDED,
    OF_BODIES,
    TEXT,
    About,
    Answer,
    Answers,
    Limit,
    State,
    problems,
    schemas,
)
from graft.apps.serve.security import SecurityHeaders, Token
from graft.apps.serve.uploads import Upload, read_uploads
from graft.predict.predictor import Predictor

PATHS = ("/", "/about", "/health", "/metrics", "/openapi.json", "/predict", "/ready")


def create_app(predictor: Predictor, settings: Settings) -> FastAPI:
    """Return the app that serves a classifier."""
    metrics = Metrics()
    line = Line(settings.max_queue, metrics.queue)
    service = Service(predictor, settings, metrics, line)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.batcher:
            yield
        service.decoders.shutdown()

    app = App(
        title="graft serve",
        version=__version__,
        description=TEXT,
        docs_url=None,  # both pages load their scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        # FastAPI reports to nobody, whatever the environment says
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        exception_handlers={HTTPException: of_http, RequestValidationError: of_validation},
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Measured, metrics, PATHS),
            Middleware(Linger),
            Middleware(Problems),
            Middleware(Token, settings.token),
            Middleware(Limits, settings),
        ],
    )
    app.state.metrics = metrics
    _add_routes(app, service)
    return app


class App(FastAPI):
    """FastAPI, whose description knows the model of the refusals too: no route returns it, so it would be left out."""

    def openapi(self) -> dict[str, Any]:
        """Return the description."""
        described = super().openapi()
        described["components"]["schemas"].update(schemas())
        return described


class Service:
    """What the routes share: the classifier, the threads that decode, and the line before both."""

    def __init__(self, predictor: Predictor, settings: Settings, metrics: Metrics, line: Line) -> None:
        self.predictor, self.settings, self.metrics, self.line = predictor, settings, metrics, line
        self.decoders = Decoders(self._pixels, settings.decoders, settings.timeout)
        self.batcher = Batcher(predictor.run, settings.max_batch, settings.max_wait, lambda: line.taken, metrics)

    async def classify(self, request: Request) -> Answers:
        """Answer all pictures of a request.

        Raises:
            ProblemError: the request is refused, or every one of its pictures is.
        """
        self.line.check(1)  # before a body is read for nothing; who is slow to send it takes no place yet
        uploads = await read_uploads(request, self.settings.max_files)
        with self.line.enter(len(uploads)):
            answers = await unless_left(request.receive, self._all(uploads))
        self._count(answers)
        refused = [Refused(file=said.file, error=said.error) for said in answers if said.error is not None]
        if len(refused) == len(answers):
            first = refused[0].error
            more = "" if len(refused) == 1 else f" (and of {len(refused)} pictures none can be classified)"
            raise ProblemError(first.status, first.detail + more, pictures=refused)
        return Answers(pictures=answers)

    async def _all(self, uploads: list[Upload]) -> list[Answer]:
        try:
            async with asyncio.timeout(self.settings.timeout):
                return await asyncio.gather(*(self._one(upload) for upload in uploads))
        except TimeoutError:
            raise ProblemError(504, f"no answer within {self.settings.timeout:g} s; try again") from None

    async def _one(self, upload: Upload) -> Answer:
        try:
            pixels = await self.decoders.run(upload.data)
        except ProblemError as error:
            return Answer.refused(upload.name, error.fault)
        return Answer.of(upload.name, self.predictor.decide(await self.batcher.run(pixels)))

    def _pixels(self, data: bytes | bytearray) -> NDArray[np.uint8]:
        return pixels_of(data, self.predictor.square, self.settings.max_pixels)

    def _count(self, answers: list[Answer]) -> None:
        for said in answers:
            self.metrics.pictures.labels("refused" if said.error else "classified").inc()


def _add_routes(app: FastAPI, service: Service) -> None:
    predictor, settings = service.predictor, service.settings
    named = [Security(HTTPBearer(auto_error=False, description="Only if the server was started with a token."))]
    limit = Limit(body=settings.max_body, files=settings.max_files, pixels=settings.max_pixels)

    @app.post(
        "/predict",
        responses=problems(*OF_BODIES),
        openapi_extra={"requestBody": BODY},
        dependencies=named,
    )
    async def predict(request: Request) -> Answers:
        """Classify pictures: several as a form of files, or one as the body itself.

        A picture that cannot be classified has an error in its place; if none can, the request fails.
        """
        return await service.classify(request)

    @app.get("/about", responses=problems(*GUARDED), dependencies=named)
    async def about() -> About:
        """Tell the classes and the limits."""
        threshold = predictor.threshold if predictor.multi_label else None
        return About(
            classes=predictor.classes,
            multi_label=predictor.multi_label,
            threshold=threshold,
            abstain_below=predictor.abstain_below,
            limits=limit,
        )

    @app.head("/health", include_in_schema=False)
    @app.get("/health", responses=problems(*ALWAYS))
    async def health() -> State:
        """Say that the server lives."""
        return State(status="ok")

    @app.head("/ready", include_in_schema=False)
    @app.get("/ready", responses=problems(*ALWAYS, 503))
    async def ready() -> State:
        """Say whether pictures are taken now."""
        if not service.batcher.ready or service.line.full or service.decoders.stuck:
            raise busy("no more pictures are taken for now")
        return State(status="ok")

    @app.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses=problems(*GUARDED),
        dependencies=named,
    )
    async def metrics() -> PlainTextResponse:
        """Figures for Prometheus."""
        return PlainTextResponse(generate_latest(service.metrics.registry), media_type="text/plain; version=0.0.4")

    @app.head("/", response_class=HTMLResponse, include_in_schema=False)
    @app.get("/", response_class=HTMLResponse, responses=problems(*ALWAYS))
    async def index() -> HTMLResponse:
        """Show a page to try the classifier on."""
        return HTMLResponse(page.HTML, headers={"Content-Security-Policy": page.POLICY})
