"""Environments of heavy engines over HTTP: what there is, installing, stopping, removing, and how far it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from portevoix.server.changes import change_events
from portevoix.server.fresh import event_answer, fresh_answer
from portevoix.server.hosts import require_this_machine

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from portevoix.app import App
    from portevoix.rooms.progress import Progress


class RoomDesk:
    """Answer for the environments of one app; what changes anything is for clients on this machine."""

    def __init__(self, app: App) -> None:
        """Answer for `app`."""
        self._app = app
        self._rooms = app.rooms

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/rooms", self.list),
            Route("/api/rooms/events", self.events),
            Route("/api/rooms/{name}", self.show),
            Route("/api/rooms/{name}", self.install, methods=["POST"]),
            Route("/api/rooms/{name}", self.remove, methods=["DELETE"]),
            Route("/api/rooms/{name}/installation", self.cancel, methods=["DELETE"]),
        ]

    async def list(self, _: Request) -> Response:
        """Return every environment, installed or not, with the licences of its packages."""
        rooms = [self._describe(name) for name in self._rooms.recipes]
        return fresh_answer({"rooms": rooms})

    async def show(self, request: Request) -> Response:
        """Return one environment."""
        return self._answer(request)

    async def install(self, request: Request) -> Response:
        """Begin to install an environment, or join who does already."""
        require_this_machine(request)
        self._rooms.begin(request.path_params["name"])
        return self._answer(request, 202)

    async def cancel(self, request: Request) -> Response:
        """Stop an installation; there being none is no error."""
        require_this_machine(request)
        self._rooms.cancel(self._rooms.find(request.path_params["name"]).name)
        return self._answer(request, 202)

    async def remove(self, request: Request) -> Response:
        """Take an environment away; one that is not there is no error."""
        require_this_machine(request)
        name = self._rooms.find(request.path_params["name"]).name
        await asyncio.to_thread(self._rooms.shelf.remove, name)
        return self._answer(request)

    async def events(self, _: Request) -> Response:
        """Return server-sent events: the latest of each installation, then each change."""
        return event_answer(change_events(self._rooms.watch(), describe_progress))

    def _answer(self, request: Request, status: int = 200) -> Response:
        name = self._rooms.find(request.path_params["name"]).name
        return fresh_answer(self._describe(name), status)

    def _describe(self, name: str) -> dict[str, Any]:
        recipe, note, progress = self._rooms.find(name), self._rooms.shelf.note(name), self._rooms.progress_of(name)
        levels = self._app.levels
        return {
            "name": name,
            "about": recipe.about,
            "engines": [level.name for level in levels if getattr(level.engine, "environment", "") == name],
            "licences": dict(recipe.licences),
            "size_bytes": note.size_bytes if note else self._rooms.needs_bytes(name),
            "installed": note is not None,
            "is_current": self._rooms.is_current(name),
            "python": note.python if note else "",
            "device": note.device if note else "",
            "packages": dict(note.packages) if note else {},
            "installation": describe_progress(progress) if progress else None,
        }


def describe_progress(progress: Progress) -> dict[str, Any]:
    """Return how far an installation is as JSON."""
    return {
        "room": progress.room,
        "phase": progress.phase,
        "ratio": round(progress.ratio, 4),
        "packages": progress.packages,
        "fetched_bytes": progress.fetched_bytes,
        "item": progress.item,
        "code": progress.code,
        "why": progress.why,
    }
