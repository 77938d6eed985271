"""The app: its routes, and the middleware around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from prometheus_client import generate_latest
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from graft import __version__
from graft.apps.serve import responses, uploads
from graft.apps.serve.batching import Batcher, Decoders, Pixels, Queue
from graft.apps.serve.config import Settings
from graft.apps.serve.metrics import Measured, Metrics
from graft.apps.serve.middleware import BodyLimit, Problems, SecurityHeaders, Token, content_security_policy
from graft.apps.serve.responses import Answer, Answers, Problem, ProblemError, Refused, RegionVerdict, describe_problems
from graft.images.regions import Region
from graft.predict.predictor import Predictor
from graft.predict.regions import Find

PATHS = ("/", "/about", "/health", "/metrics", "/openapi.json", "/predict", "/ready")
PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")  # one file, nothing of it from elsewhere


def create_app(predictor: Predictor, settings: Settings, find: Find | None = None) -> FastAPI:
    """Return the app that serves a classifier: of whole images, or of what `find` finds in them."""
    service = Service(predictor, settings, find)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.batcher:
            yield
        service.decoders.shutdown()

    app = App(
        title="graft serve",
        version=__version__,
        description="Classify pictures. Every refusal is a problem as RFC 9457 has it, and says what would be right.",
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
        responses=describe_problems(400, 408, 413, 415),  # each path may be sent a body
        exception_handlers={HTTPException: responses.routing_problem},
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Measured, service.metrics, PATHS),
            Middleware(Problems),
            Middleware(Token, settings.token),
            Middleware(BodyLimit, settings),
        ],
    )
    _add_routes(app, service)
    return app


class App(FastAPI):
    """FastAPI, whose description knows the model of problems too: no route returns it, so it would be left out."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description."""
        description = super().openapi()
        _, problem = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
        description["components"]["schemas"] |= problem["$defs"]
        return description


class Service:
    """What the routes share: the classifier, the threads that decode, the queue before both, and the metrics."""

    def __init__(self, predictor: Predictor, settings: Settings, find: Find | None = None) -> None:
        self.predictor, self.settings, self.find, self.metrics = predictor, settings, find, Metrics()
        self.queue = queue = Queue(settings.max_queue)
        self.metrics.queue.set_function(lambda: queue.size)
        self.decoders = Decoders(self._decode, settings.decoders)
        self.batcher = Batcher(predictor.run, settings.max_batch, settings.max_wait, lambda: queue.size, self.metrics)

    async def classify(self, request: Request) -> Answers:
        """Answer all images of a request.

        Raises:
            ProblemError: the request is refused, or every one of its images is.
        """
        self.queue.check()  # before a body is read for nothing; while it is sent it takes no room in the queue
        images = await uploads.read_uploads(request, self.settings.max_files)
        with self.queue.hold(len(images)):
            answers = await self._answer_all(images, request.receive)
        for answer in answers:
            self.metrics.images.labels("refused" if answer.error else "classified").inc()
        refused = [Refused(file=answer.file, error=answer.error) for answer in answers if answer.error is not None]
        if len(refused) == len(answers):
            first = refused[0].error
            more = "" if len(refused) == 1 else f" (and of {len(refused)} pictures none can be classified)"
            raise ProblemError(first.status, first.detail + more, pictures=refused)
        return Answers(pictures=answers)

    async def _answer_all(self, images: list[uploads.Upload], receive: Receive) -> list[Answer]:
        """Answer in time and only while somebody is there to read it; else what is not done yet is cancelled."""
        answers = asyncio.gather(*(self._answer(image) for image in images))
        leaving = asyncio.ensure_future(receive())  # the body is read: all that can still come is a disconnect
        try:
            await asyncio.wait((answers, leaving), timeout=self.settings.timeout, return_when=asyncio.FIRST_COMPLETED)
            if answers.done():
                return answers.result()
            if leaving.done():
                raise ClientDisconnect
            raise ProblemError(504, f"no answer within {self.settings.timeout:g} s; try again")
        finally:
            answers.cancel()
            leaving.cancel()

    async def _answer(self, image: uploads.Upload) -> Answer:
        try:
            parts = await self.decoders.run(image.data)
        except ProblemError as error:
            return Answer(file=image.name, error=error.fault)
        rows = await asyncio.gather(*(self.batcher.run(pixels) for _, pixels in parts))
        predictions = [self.predictor.decide(row) for row in rows]
        if self.find is None:
            return Answer.of(predictions[0], file=image.name)
        regions = [
            RegionVerdict.of(prediction, **asdict(region))
            for (region, _), prediction in zip(parts, predictions, strict=True)
            if region is not None
        ]
        return Answer(file=image.name, regions=regions)

    def _decode(self, data: bytes) -> list[tuple[Region | None, Pixels]]:
        """Decode an image into what is to be classified of it: regions and their pixels, or None and all of it."""
        square, max_pixels = self.predictor.square, self.settings.max_pixels
        if self.find is None:
            return [(None, uploads.decode(data, max_pixels, square.read))]
        image = uploads.decode(data, max_pixels, uploads.whole_image)
        return [(region, square.of(crop)) for region, crop in self.find("", image)]


def _add_routes(app: FastAPI, service: Service) -> None:
    predictor, settings = service.predictor, service.settings
    bearer = HTTPBearer(auto_error=False, description="Only if the server was started with a token.")
    with_token = APIRouter(dependencies=[Security(bearer)], responses=describe_problems(401))
    problems = describe_problems(422, 500, 503, 504)

    @with_token.post("/predict", responses=problems, openapi_extra={"requestBody": responses.PREDICT_BODY})
    async def predict(request: Request) -> Answers:
        """Classify pictures: several as a form of files, or one as the body itself.

        A picture that cannot be classified has an error in its place; if none can, the request fails.
        """
        return await service.classify(request)

    @with_token.get("/about")
    async def about() -> responses.About:
        """Tell the classes and the limits."""
        return responses.About(
            classes=predictor.classes,
            multi_label=predictor.multi_label,
            threshold=predictor.threshold if predictor.multi_label else None,
            abstain_below=predictor.abstain_below,
            regions="faces" if service.find else None,
            limits=responses.Limit(body=settings.max_body, files=settings.max_files, pixels=settings.max_pixels),
        )

    @app.head("/health", include_in_schema=False)
    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the server lives."""
        return {"status": "ok"}

    @app.head("/ready", include_in_schema=False)
    @app.get("/ready", responses=describe_problems(503))
    async def ready() -> dict[str, str]:
        """Say whether pictures are taken now."""
        service.queue.check()
        if service.decoders.stuck:
            raise responses.busy("no more pictures are taken for now")
        return {"status": "ok"}

    @with_token.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Figures for Prometheus."""
        return PlainTextResponse(generate_latest(service.metrics.registry), media_type="text/plain; version=0.0.4")

    app.include_router(with_token)
    policy = content_security_policy(PAGE)

    @app.head("/", response_class=HTMLResponse, include_in_schema=False)
    @app.get("/", response_class=HTMLResponse)
    async def index() -> HTMLResponse:
        """Show a page to try the classifier on."""
        return HTMLResponse(PAGE, headers={"Content-Security-Policy": policy})
