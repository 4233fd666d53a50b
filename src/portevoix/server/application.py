"""The whole server as one ASGI application."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from portevoix.errors import PortevoixError
from portevoix.fetching import Fetching
from portevoix.server.desk import Desk
from portevoix.server.elevenlabs.routes import elevenlabs_routes
from portevoix.server.encoding import warm_up
from portevoix.server.errors import MethodNotAllowed, NotThere, error_answer
from portevoix.server.hosts import LOOPBACK_NAMES, HostCheck
from portevoix.server.journal import ErrorAnswers, Journal
from portevoix.server.models import ModelDesk
from portevoix.server.page import Page
from portevoix.server.piper_http import piper_routes
from portevoix.server.queue import Queue
from portevoix.server.sockets import SocketJournal
from portevoix.server.speech import SpeechEndpoint
from portevoix.server.wyoming.server import WyomingServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from portevoix.app import App

logger = logging.getLogger(__name__)


def create_application(
    app: App, *, host_names: frozenset[str] | None = LOOPBACK_NAMES, queue: Queue | None = None
) -> Starlette:
    """Return the ASGI application that serves `app`.

    Its lifespan begins to load the engines, in the task `state.loading`, serves Wyoming, as `state.wyoming`, where the
    settings ask for it, and closes `app`, which it owns.

    Args:
        app: what speaks.
        host_names: names under which it may be asked, with any port; None for any name.
        queue: who waits; made from the settings when None.
    """
    queue = queue or make_queue(app)
    layers = [Middleware(Journal), Middleware(ErrorAnswers), Middleware(SocketJournal)]
    if host_names is not None:
        layers.append(Middleware(HostCheck, names=host_names))
    application = Starlette(
        routes=_routes(app, queue),
        middleware=layers,
        exception_handlers={HTTPException: _answer_unrouted},
        lifespan=_lifespan(app, queue),
    )
    application.router.redirect_slashes = False
    return application


def make_queue(app: App) -> Queue:
    """Return the queue that the settings describe."""
    wanted = app.settings.server
    return Queue(wanted.max_concurrent_requests, wanted.max_queued_requests, wanted.queue_timeout_seconds,
                 metrics=app.metrics)  # fmt: skip


def _routes(app: App, queue: Queue) -> list[BaseRoute]:
    speech = SpeechEndpoint(app, queue)
    return [
        *(Route(f"{prefix}/audio/speech", speech, methods=["POST"]) for prefix in ("/v1", "")),
        *Desk(app, queue).routes(),
        *ModelDesk(app).routes(),
        *Page().routes(),
        *piper_routes(app, queue),
        *elevenlabs_routes(app, queue),
    ]


def _lifespan(app: App, queue: Queue) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncGenerator[None, None]:
        loading = asyncio.create_task(app.load(), name="load engines")
        application.state.loading = loading
        fetching = asyncio.create_task(_fetch_after(loading, Fetching(app)), name="fetch voices")
        warming = asyncio.create_task(asyncio.to_thread(_warm_up_quietly), name="warm up encoders")
        try:
            async with WyomingServer(app, queue) as application.state.wyoming:
                yield
        finally:
            loading.cancel()
            fetching.cancel()
            await asyncio.gather(loading, fetching, warming, return_exceptions=True)
            await app.aclose()

    return lifespan


async def _fetch_after(loading: asyncio.Task[None], fetching: Fetching) -> None:
    """Fetch what is missing once the engines that are here have had their turn."""
    await asyncio.wait({loading})
    await fetching.run()


def _warm_up_quietly() -> None:
    try:
        warm_up()
    except PortevoixError as error:
        logger.warning("codec.not_ready", extra={"code": error.code, "why": str(error)})


async def _answer_unrouted(request: Request, error: Exception) -> Response:
    """Answer what no route takes; the router's own words are not ours."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    if error.status_code == 405:  # noqa: PLR2004 - an HTTP status
        allowed = (error.headers or {}).get("Allow", "")
        answer = error_answer(MethodNotAllowed(f"{request.method} is not answered here", f"{allowed} is"))
        answer.headers["Allow"] = allowed
        return answer
    return error_answer(NotThere(f"there is nothing at {request.url.path[:80]!r}", hint="See /api/status or /."))
