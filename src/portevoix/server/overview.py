"""The whole server at a glance, and as a stream of what changes: what the console shows."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from portevoix.clock import Clock, system_clock
from portevoix.errors import Overloaded
from portevoix.server.changes import KEEP_ALIVE
from portevoix.server.fresh import event_answer, fresh_answer
from portevoix.server.models import describe_progress
from portevoix.server.news import follow
from portevoix.server.pauses import with_pauses
from portevoix.server.status import describe_app, describe_level, describe_machine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.requests import Request

    from portevoix.app import App
    from portevoix.server.news import Item, News
    from portevoix.server.queue import Queue

ALIVE = b'{"status":"alive"}'
LOOK_SECONDS = 0.5
"""How often engines, queue and downloads are looked at while somebody listens: they do not tell by themselves."""

MAX_LISTENERS = 64


class Overview:
    """Answer for the server as a whole, whichever configuration is in force."""

    def __init__(
        self, current: Callable[[], App], queue: Queue, news: News, clock: Clock = system_clock,
        *, describe_config: Callable[[], dict[str, Any]] = dict,
    ) -> None:  # fmt: skip
        """Answer for the app that `current` returns; the uptime counts from here."""
        self._current = current
        self._queue = queue
        self._news = news
        self._clock = clock
        self._describe_config = describe_config
        self._began = clock()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/health/live", self.live),
            Route("/api/status", self.status),
            Route("/api/events", self.events),
        ]

    async def live(self, _: Request) -> Response:
        """Say that the event loop turns, and nothing else."""
        return Response(ALIVE, media_type="application/json")

    async def status(self, _: Request) -> Response:
        """Return everything there is to know."""
        app = self._current()
        machine = await asyncio.to_thread(describe_machine, app)
        return fresh_answer({
            **describe_app(app, self._queue, self._clock() - self._began),
            "config": self._describe_config(),
            "downloads": [describe_progress(progress) for progress in app.library.downloads.progress],
            **machine,
            "requests": self._news.requests,
        })  # fmt: skip

    async def events(self, request: Request) -> Response:
        """Return server-sent events: each engine, download and the queue as they are, then each change.

        Raises:
            Overloaded: too many listen already.
        """
        if self._news.listeners >= MAX_LISTENERS:
            raise Overloaded("nobody else may listen", f"{MAX_LISTENERS} do already", "Close a console.")
        return event_answer(self._changes(_last_number(request)))

    async def _changes(self, after: int | None) -> AsyncGenerator[bytes, None]:
        async with aclosing(with_pauses(follow(self._news, self._survey, after, LOOK_SECONDS))) as items:
            async for item in items:
                yield KEEP_ALIVE if item is None else _event(item)

    def _survey(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return what has a state of its own; how long an engine still rests is no change."""
        app = self._current()
        levels = {("engine", level.name): _steady(describe_level(level)) for level in app.levels}
        progress = [describe_progress(one) for one in app.library.downloads.progress]
        downloads = {("download", one["model"]): one for one in progress}
        return {**levels, **downloads, ("queue", ""): self._queue.describe(), ("config", ""): self._describe_config()}


def _steady(level: dict[str, Any]) -> dict[str, Any]:
    return {**level, "breaker": {name: fact for name, fact in level["breaker"].items() if name != "rest_seconds"}}


def _event(item: Item) -> bytes:
    number = f"id: {item.number}\n" if item.number else ""
    return f"{number}event: {item.kind}\ndata: {json.dumps(item.content)}\n\n".encode()


def _last_number(request: Request) -> int | None:
    """Return the number of the last item that a listener has, as browsers send it when they connect again."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else None  # noqa: PLR2004 - digits
