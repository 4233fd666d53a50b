"""The small endpoints: what is there, how it is, and what can be changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from portevoix.server.body import read_object
from portevoix.server.elevenlabs.routes import KEY_HEADER, Catalogue
from portevoix.server.fresh import fresh_answer
from portevoix.server.hosts import require_this_machine
from portevoix.server.listing import describe_model, list_models
from portevoix.server.repeats import Repeats
from portevoix.server.status import describe_levels, is_audible

if TYPE_CHECKING:
    from starlette.requests import Request

    from portevoix.app import App

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Desk:
    """Answer questions about one app."""

    def __init__(self, app: App, repeats: Repeats | None = None) -> None:
        """Answer for `app`; when its cache is cleared, `repeats` are forgotten too."""
        self._app = app
        self._repeats = repeats or Repeats()

    def routes(self) -> list[Route]:
        """Return the routes, those of OpenAI's API with and without `/v1`."""
        routes = [
            Route("/health/ready", self.ready),
            Route("/metrics", self.metrics),
            Route("/api/engines", self.engines),
            Route("/api/flags", self.flags, methods=["GET", "PATCH"]),
            Route("/api/cache", self.cache, methods=["GET", "DELETE"]),
        ]
        for prefix in ("/v1", ""):
            routes += [
                Route(f"{prefix}/models", self.models),
                Route(f"{prefix}/models/{{name}}", self.model),
                Route(f"{prefix}/audio/models", self.speech_models),
            ]
        return routes

    async def ready(self, request: Request) -> Response:
        """Say whether anybody can speak, and how each level is to those who may know."""
        is_ready = is_audible(self._app)
        details = self._levels() if request.scope["state"].get("is_trusted") else {}
        content = {"status": "ready" if is_ready else "not_ready", **details}
        return fresh_answer(content, 200 if is_ready else 503)

    async def metrics(self, _: Request) -> Response:
        """Return all metrics."""
        return Response(self._app.metrics.page(), headers={"Content-Type": METRICS_TYPE})

    async def engines(self, _: Request) -> Response:
        """Return how each level is."""
        return fresh_answer(self._levels())

    async def models(self, request: Request) -> Response:
        """Return every model, in the shape of the API that the client was written for."""
        if KEY_HEADER in request.headers:
            return await Catalogue(self._app).models(request)
        return fresh_answer(list_models(self._app.levels))

    async def speech_models(self, _: Request) -> Response:
        """Return every model in the list that Open WebUI looks for."""
        return fresh_answer({"models": list_models(self._app.levels)["data"]})

    async def model(self, request: Request) -> Response:
        """Return one model."""
        return fresh_answer(describe_model(self._app.levels, request.path_params["name"]))

    async def flags(self, request: Request) -> Response:
        """Return the feature flags in force; `PATCH` changes them first, all that it names or none."""
        if request.method == "PATCH":
            require_this_machine(request)
            values = await read_object(request, self._app.settings.server.max_body_bytes)
            self._app.flags.change(**values)
        return fresh_answer(asdict(self._app.flags.flags))

    async def cache(self, request: Request) -> Response:
        """Return how the cache has served; `DELETE` forgets what was spoken first."""
        cache = self._app.cache
        if request.method == "DELETE":
            require_this_machine(request)
            if cache is not None:
                await cache.clear()
            self._repeats.clear()
        return fresh_answer({"enabled": False} if cache is None else {"enabled": True, **asdict(cache.stats())})

    def _levels(self) -> dict[str, Any]:
        return {"engines": describe_levels(self._app)}
