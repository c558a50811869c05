"""The service over HTTP: JSON, the page that explores a model, health and metrics."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from movierec_cli import __version__
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.reports.web.served_page import api_page
from movierec_cli.serving import service
from movierec_cli.serving.asked import MOST_LISTED, MOST_NAMED, Asked, NotThere
from movierec_cli.serving.batches import Batches, Busy
from movierec_cli.serving.guard import App, Guard
from movierec_cli.serving.invalid_requests import sentence_of
from movierec_cli.serving.request_limits import Limits
from movierec_cli.serving.served_models import DEFAULT, ServedModel, ServedModels
from movierec_cli.serving.server_metrics import ServerMetrics
from movierec_cli.text import printable

logger = logging.getLogger(__name__)

_REFRESH_S = 2.0  # between looks at the folder of models

MovieId = Annotated[int | str, Field(description="A movie's id, as in the model's data.")]
ModelName = Annotated[
    str, Path(description=f"A model's name, see /api/models; or `{DEFAULT}`.", max_length=200)
]
Moment = Annotated[
    int | str,
    Field(description="A date such as 2001-05-01, with or without a time, or seconds since 1970-01-01 UTC."),
]
Top = Annotated[int, Query(ge=1, le=MOST_LISTED, description="How many movies at most.")]


class Rating(BaseModel):
    """A movie with the stars that a new user gives it."""

    model_config = ConfigDict(extra="forbid")
    movie_id: MovieId
    rating: Annotated[float, Field(allow_inf_nan=False, description="On the scale of the model's data.")]


class Question(BaseModel):
    """For whom: a user of the data, or a new one by what they like or watched; each movie once."""

    model_config = ConfigDict(extra="forbid")
    user_id: int | str | None = Field(None, description="A user of the model's data.")
    liked: list[MovieId] = Field(
        [], max_length=MOST_NAMED, description="What a new user likes, oldest first."
    )
    disliked: list[MovieId] = Field([], max_length=MOST_NAMED, description="What they do not like.")
    seen: list[MovieId] = Field(
        [], max_length=MOST_NAMED, description="What they saw, which counts as half of a like."
    )
    ratings: list[Rating] = Field(
        [],
        max_length=MOST_NAMED,
        description="Their stars: liked from the median of these on, disliked below the middle of the scale.",
    )
    watched: list[MovieId] = Field(
        [],
        max_length=MOST_NAMED,
        description="What a new user watched, oldest first, which a model of sequences continues; without"
        " liked and ratings.",
    )
    watched_at: list[Moment] = Field(
        [], max_length=MOST_NAMED, description="When each of these was watched, for models that see gaps."
    )
    as_of: Moment | None = Field(
        None,
        description="When the list is asked for, of a user_id or with watched_at; by default right after the"
        " last rating. Needs a model that sees the time.",
    )
    top: int = Field(10, ge=1, le=MOST_LISTED, description="How many movies at most.")
    why: bool = Field(False, description="Whether each movie comes with what speaks for it.")
    genres: list[str] = Field([], max_length=50, description="Only movies with one of these.")
    include_seen: bool = Field(False, description="Also movies that the user knows.")

    def asked(self) -> Asked:
        """Raises a `MovierecError` where it names nobody, or a movie twice."""
        ratings = {one.movie_id: one.rating for one in self.ratings}
        if len(ratings) < len(self.ratings):
            raise MovierecError("ratings name a movie twice; name it once")
        return Asked(**self.model_dump(exclude={"ratings"}), ratings=ratings)


@dataclass
class Server:
    """What the routes share."""

    models: ServedModels
    metrics: ServerMetrics = field(default_factory=ServerMetrics)

    @cached_property
    def batches(self) -> Batches[ServedModel, Asked, service.Answer]:
        """Made where an event loop runs."""
        return Batches(service.recommendations, heard=self.metrics.batch.observe)

    async def model(self, name: str) -> ServedModel:
        """Raises `NotThere` or a `SavedModelError`."""
        held = self.models.in_memory(name)
        return held if held is not None else await asyncio.to_thread(self.models.get, name)

    async def list_for(self, name: str, asked: Asked) -> Response:
        """A list of recommendations as JSON."""
        return _json(await self.batches.ask(await self.model(name), asked))

    async def keep_fresh(self) -> None:
        """Looks at the folder of models from time to time, until it is cancelled."""
        said = ""
        while True:
            await asyncio.sleep(_REFRESH_S)
            try:
                await asyncio.to_thread(self.models.refresh)
                said = ""
            except MovierecError as error:
                if str(error) != said:
                    logger.warning("the models stay as they are: %s", error)
                said = str(error)


def make_app(models: ServedModels, limits: Limits | None = None, hosts: frozenset[str] | None = None) -> App:
    """The application; `Guard` says what its hosts and limits are.

    Raises:
        MovierecError: no model serves.
        SavedModelError: the default one is damaged.
    """
    models.refresh()
    models.get(DEFAULT)
    server = Server(models)
    app = FastAPI(
        title="movierec",
        version=__version__,
        description="Recommendations of saved models.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=partial(_lifespan, server),
    )
    app.state.server = server
    _add_errors(app)
    _add_lists(app)
    _add_models(app)
    _add_pages(app)
    return Guard(app, limits or Limits(), hosts, server.metrics)


@contextlib.asynccontextmanager
async def _lifespan(server: Server, app: FastAPI) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(task) for task in (server.batches.run(), server.keep_fresh())]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _server(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


TheServer = Annotated[Server, Depends(_server)]
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request cannot be answered; `error` says why."},
    404: {"description": "There is no such model, user or movie."},
    413: {"description": "The body is too large."},
    422: {"description": "A value is missing or wrong; `error` says which."},
    429: {"description": "Too many requests a second; `Retry-After` says how long to wait."},
    503: {"description": "So many requests wait that this one would wait too long."},
}


def _json(document: Any, status: int = 200) -> Response:
    content = json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(content, status, media_type="application/json")


def _refusal(said: str, status: int) -> Response:
    """What was asked may be part of it, and is shown on terminals and pages."""
    return _json({"error": printable(said)}, status)


def _add_errors(app: FastAPI) -> None:
    def on(kind: type[Exception], status: int, text: Any = str) -> None:
        async def answer(request: Request, error: Exception) -> Response:
            return _refusal(text(error), status)

        app.add_exception_handler(kind, answer)

    on(MovierecError, 400)
    on(NotThere, 404)
    on(SavedModelError, 503, lambda error: "this model cannot be read; the server's log says why")

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _refusal(sentence_of(error.errors()), 422)

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = {404: "there is nothing at this address; /docs lists what there is"}
        said[405] = f"{request.method} is not answered at this address; /docs says what is"
        said[422] = "the body is no JSON"
        # How deeply a body may be nested depends on the process: a deeper one is answered as an invalid one.
        status = 422 if error.status_code == 400 else error.status_code
        return _refusal(said.get(status, str(error.detail)), status)

    async def busy(request: Request, error: Exception) -> Response:
        answer = _refusal("too many requests wait; try again", 503)
        answer.headers["retry-after"] = "1"
        return answer

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Busy, busy)


def _add_lists(app: FastAPI) -> None:
    @app.post("/api/models/{model}/recommendations", responses=_ERRORS, tags=["lists"])
    async def recommend(model: ModelName, question: Question, server: TheServer) -> Response:
        """What to watch next, for a user of the data or a new one; as `movierec recommend --json`."""
        return await server.list_for(model, question.asked())

    @app.get("/api/models/{model}/users/{user}/recommendations", responses=_ERRORS, tags=["lists"])
    async def recommend_to_user(
        model: ModelName,
        user: Annotated[str, Path(description="The id of a user of the data.", max_length=200)],
        server: TheServer,
        top: Top = 10,
        why: Annotated[bool, Query(description="With what speaks for each movie.")] = False,
        as_of: Annotated[
            str | None, Query(description="As on that day, such as 2001-05-01.", max_length=40)
        ] = None,
    ) -> Response:
        """What to watch next, for a user of the data."""
        return await server.list_for(model, Asked(user_id=user, top=top, why=why, as_of=as_of))

    @app.get("/api/models/{model}/movies/{movie}/similar", responses=_ERRORS, tags=["lists"])
    async def similar(
        model: ModelName,
        movie: Annotated[str, Path(description="A movie's id.", max_length=200)],
        server: TheServer,
        top: Top = 10,
    ) -> Response:
        """The movies that the model puts nearest to one; as `movierec similar --json`."""
        found = await server.model(model)
        return _json(await server.batches.compute(lambda: service.similar(found, movie, top)))

    @app.get("/api/models/{model}/movies", responses=_ERRORS, tags=["lists"])
    async def search(
        model: ModelName,
        server: TheServer,
        search: Annotated[str, Query(description="A title or a piece of one, or id:590.", max_length=200)],
        top: Top = 20,
    ) -> Response:
        """Movies by their titles."""
        found = await server.model(model)
        return _json(await server.batches.compute(lambda: service.search(found, search, top)))


def _add_models(app: FastAPI) -> None:
    @app.get("/api/models", tags=["models"])
    async def models(server: TheServer) -> Response:
        """The models that serve, the default one first."""
        return _json({"models": [service.model_document(run) for run in server.models.runs]})

    @app.get("/health", tags=["server"])
    async def health(server: TheServer) -> Response:
        """Whether lists are answered, by which models."""
        runs = server.models.runs
        document = {"status": "ok", "version": __version__, "default": runs[0].record.name}
        return _json({**document, "models": len(runs), "in_memory": server.models.held})

    @app.get("/metrics", tags=["server"])
    async def metrics(server: TheServer) -> Response:
        """Counts and times, in the text format of Prometheus."""
        counted = server.metrics
        counted.in_memory.set(len(server.models.held))
        counted.reloaded.set(server.models.n_reloaded)
        counted.waiting.set(server.batches.n_waiting)
        return Response(counted.text(), media_type=counted.content_type)


def _add_pages(app: FastAPI) -> None:
    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def explore(server: TheServer, model: Annotated[str, Query(max_length=200)] = DEFAULT) -> Response:
        return _page((await server.model(model)).page)

    documentation = api_page().encode()

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def docs() -> Response:
        return _page(documentation)

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response(status_code=204)


_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def _page(content: bytes) -> Response:
    """A page that may run its own scripts, ask this server, and nothing else."""
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in _SCRIPT.findall(content))
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(content, headers={"content-security-policy": policy})


def _sha256(script: bytes) -> str:
    return base64.b64encode(hashlib.sha256(script).digest()).decode()
