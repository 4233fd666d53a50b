"""Models over HTTP: what there is, fetching, stopping, removing, and how far downloads are."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from portevoix.errors import InvalidParameter, ModelMissing
from portevoix.models.faults import ModelUnknown
from portevoix.server.body import read_object
from portevoix.server.changes import change_events
from portevoix.server.errors import ModelNotFound
from portevoix.server.fields import read_text
from portevoix.server.fresh import event_answer, fresh_answer
from portevoix.server.hosts import require_this_machine

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from portevoix.app import App
    from portevoix.models.catalogue import Model
    from portevoix.models.library import Entry
    from portevoix.models.progress import Progress


class ModelDesk:
    """Answer for the models of one app; what changes anything is for clients on this machine."""

    def __init__(self, app: App) -> None:
        """Answer for `app`."""
        self._app = app
        self._library = app.library

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/models", self.list),
            Route("/api/models", self.fetch, methods=["POST"]),
            Route("/api/models/events", self.events),
            Route("/api/models/{name}", self.show),
            Route("/api/models/{name}", self.remove, methods=["DELETE"]),
            Route("/api/models/{name}/download", self.cancel, methods=["DELETE"]),
        ]

    async def list(self, _: Request) -> Response:
        """Return every model, installed or not, with its licence."""
        entries = await asyncio.to_thread(self._library.entries)
        return fresh_answer({"models": [describe(entry) for entry in entries]})

    async def show(self, request: Request) -> Response:
        """Return one model."""
        return self._answer(self._find(request.path_params["name"]))

    async def fetch(self, request: Request) -> Response:
        """Begin to fetch the model that the body names, `{"name": …}`, or join who does already.

        `accept_licence` with the licence's name agrees to it, where that is asked for.
        """
        require_this_machine(request)
        fields = await read_object(request, self._app.settings.server.max_body_bytes)
        name = fields.get("name")
        if not isinstance(name, str):
            raise InvalidParameter("name is missing", hint='Send {"name": "fr_FR-siwis-medium"}.', param="name")
        model = self._find(name)
        if model.asks_consent and read_text(fields, "accept_licence") == model.licence:
            await asyncio.to_thread(self._library.licences.accept, model.licence)
        self._library.begin(model)
        return self._answer(model, 202)

    async def cancel(self, request: Request) -> Response:
        """Stop a download; there being none is no error."""
        require_this_machine(request)
        model = self._find(request.path_params["name"])
        self._library.downloads.cancel(model.name)
        return self._answer(model, 202)

    async def remove(self, request: Request) -> Response:
        """Take a model's files away; a download of it that this server has begun is stopped before."""
        require_this_machine(request)
        model = self._find(request.path_params["name"])
        await self._library.downloads.stop(model.name)
        with suppress(ModelMissing):
            await asyncio.to_thread(self._library.remove, model.name)
        return self._answer(model)

    async def events(self, _: Request) -> Response:
        """Return server-sent events: the latest of each download, then each change."""
        return event_answer(change_events(self._library.downloads.watch(), describe_progress))

    def _find(self, name: str) -> Model:
        try:
            return self._library.catalogue.find(name)
        except ModelUnknown as error:
            raise ModelNotFound(error.what, error.why, error.hint, param="name") from error

    def _answer(self, model: Model, status: int = 200) -> Response:
        return fresh_answer(describe(self._library.entry(model)), status)


def describe(entry: Entry) -> dict[str, Any]:
    """Return a model as JSON."""
    model = entry.model
    return {
        "name": model.name,
        "kind": model.kind,
        "engines": list(model.engines),
        "languages": list(model.languages),
        "quality": model.quality,
        "speakers": model.speakers,
        "can_clone": model.can_clone,
        "licence": model.licence,
        "allows_commerce": model.allows_commerce,
        "asks_consent": model.asks_consent,
        "about": model.about,
        "size_bytes": entry.size_bytes,
        "arrived_bytes": entry.arrived_bytes,
        "requires": list(model.requires),
        "repository": model.repository,
        "revision": model.revision,
        "installed": entry.is_installed,
        "download": describe_progress(entry.progress) if entry.progress else None,
    }


def describe_progress(progress: Progress) -> dict[str, Any]:
    """Return how far a download is as JSON."""
    left = progress.seconds_left
    return {
        "model": progress.model,
        "phase": progress.phase,
        "done_bytes": progress.done_bytes,
        "total_bytes": progress.total_bytes,
        "ratio": round(progress.ratio, 4),
        "bytes_per_second": round(progress.bytes_per_second),
        "seconds_left": None if left is None else round(left, 1),
        "code": progress.code,
        "why": progress.why,
    }
