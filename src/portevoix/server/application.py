"""The whole server as one ASGI application."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, Router

from portevoix.errors import PortevoixError
from portevoix.server.arrivals import Arrivals
from portevoix.server.config_desk import ConfigDesk
from portevoix.server.description import ApiDescription
from portevoix.server.desk import Desk
from portevoix.server.elevenlabs.routes import elevenlabs_routes
from portevoix.server.encoding import warm_up
from portevoix.server.errors import NotThere, error_answer
from portevoix.server.farewell import Farewell
from portevoix.server.gate import Gate
from portevoix.server.history import History
from portevoix.server.hosts import LOOPBACK_NAMES, HostCheck
from portevoix.server.journal import ErrorAnswers, Journal
from portevoix.server.keys import FILE_NAME, KeyRing
from portevoix.server.methods import answer_method
from portevoix.server.models import ModelDesk
from portevoix.server.news import News
from portevoix.server.overview import Overview
from portevoix.server.page import Page
from portevoix.server.paths import PlainPaths
from portevoix.server.patience import Deadline, SendLimit
from portevoix.server.piper_http import piper_routes
from portevoix.server.pulse import Pulse
from portevoix.server.queue import Queue
from portevoix.server.repeats import Repeats
from portevoix.server.rollout import Rollout
from portevoix.server.rooms import RoomDesk
from portevoix.server.sockets import SocketJournal
from portevoix.server.speech import SpeechEndpoint
from portevoix.server.stage import Stage
from portevoix.server.supervisor import Supervisor
from portevoix.server.traces import Traces
from portevoix.server.translation.routes import TranslationDesk, make_links
from portevoix.server.voices import VoiceDesk
from portevoix.server.wyoming.server import WyomingServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from portevoix.app import App
    from portevoix.config.settings import Settings
    from portevoix.server.translation.links import Links

logger = logging.getLogger(__name__)

LOADING_SECONDS = 60.0
"""How long a server that shares its port waits for its engines before it takes connections."""

EXPOSED = ("X-Request-Id", "X-TTS-Engine", "X-TTS-Voice", "X-TTS-Cache", "X-TTS-Fallback", "X-TTS-Model",
           "X-TTS-Ignored", "X-Translation-Engine", "X-Translation-Chain", "X-Message-Id", "Retry-After")  # fmt: skip
"""Headers that pages of other origins may read."""


def create_application(
    app: App, *, host_names: frozenset[str] | None = LOOPBACK_NAMES, queue: Queue | None = None,
    news: News | None = None, history: History | None = None, environ: Mapping[str, str] | None = None,
) -> Starlette:  # fmt: skip
    """Return the ASGI application that serves `app`, and the apps that follow it when the configuration is changed.

    Its lifespan begins to load the engines, in the task `state.loading`, serves Wyoming, as `state.wyoming`, where the
    settings ask for it, and closes `app`, which it owns.

    Args:
        app: what speaks.
        host_names: names under which it may be asked, with any port; None for any name.
        queue: who waits; made from the settings when None.
        news: tells what happens; made when None.
        history: the configurations that have been in force; None for one that ends with the process.
        environ: variables that come before what is written in a configuration; the process's own when None.
    """
    queue, news, history = queue or make_queue(app), news or News(), history or History(None)
    app.events.hooks.append(news)
    links = make_links(app)
    stage = Stage(app, lambda one: _doors(one, queue, links), history.in_force)
    rollout = Rollout(stage, queue, history, news, environ)
    overview = Overview(lambda: stage.app, queue, news, describe_config=rollout.describe)
    application = Starlette(
        routes=[*overview.routes(), *ConfigDesk(stage, rollout, history).routes(), *ApiDescription().routes()],
        middleware=_layers(app, queue, host_names),
        exception_handlers={HTTPException: _answer_unrouted},
        lifespan=_lifespan(stage, queue, news),
    )
    application.router.redirect_slashes = False
    application.router.default = stage
    return application


def key_ring(settings: Settings) -> KeyRing:
    """Return the keys of a server, which are kept in its data folder."""
    return KeyRing(settings.data_folder / FILE_NAME)


def _layers(app: App, queue: Queue, host_names: frozenset[str] | None) -> list[Middleware]:
    """Return what stands before every route, the outermost first."""
    server = app.settings.server
    origins = server.allowed_origins
    layers = [Middleware(PlainPaths), Middleware(Journal, metrics=app.metrics)]
    if app.tracing is not None:
        layers.append(Middleware(Traces, tracing=app.tracing))
    if origins:
        layers.append(Middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED,
            allow_private_network=True,  # a browser asks for it where a public page calls a server at home
        ))  # fmt: skip
    layers += [
        Middleware(SendLimit, seconds=server.send_timeout_seconds),
        Middleware(ErrorAnswers),
        Middleware(SocketJournal, metrics=app.metrics, origins=origins),
    ]
    if host_names is not None:
        layers.append(Middleware(HostCheck, names=host_names))
    keys = key_ring(app.settings)
    return [
        *layers,
        Middleware(Gate, keys=keys, queue=queue, allows_anyone=server.allow_anyone, origins=origins),
        Middleware(Deadline),
        Middleware(Farewell, queue=queue),
    ]


def make_queue(app: App) -> Queue:
    """Return the queue that the settings describe."""
    wanted = app.settings.server
    return Queue(wanted.max_concurrent_requests, wanted.max_queued_requests, wanted.queue_timeout_seconds,
                 metrics=app.metrics)  # fmt: skip


def _doors(app: App, queue: Queue, links: Links) -> ASGIApp:
    """Return what answers for one app; links outlive it."""
    arrivals = Middleware(Arrivals, library=app.library)
    return Router(_routes(app, queue, links), redirect_slashes=False, middleware=[arrivals])


def _routes(app: App, queue: Queue, links: Links) -> list[BaseRoute]:
    repeats = Repeats(app.events)
    speech = SpeechEndpoint(app, queue, repeats)
    return [
        *(Route(f"{prefix}/audio/speech", speech, methods=["POST"]) for prefix in ("/v1", "")),
        *Desk(app, repeats).routes(),
        *ModelDesk(app).routes(),
        *RoomDesk(app).routes(),
        *VoiceDesk(app).routes(),
        *TranslationDesk(app, queue, links).routes(),
        *Page().routes(),
        *piper_routes(app, queue),
        *elevenlabs_routes(app, queue),
    ]


def _lifespan(
    stage: Stage, queue: Queue, news: News
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:  # fmt: skip
    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncGenerator[None, None]:
        application.state.loading = loading = stage.current.enter()
        pulse = asyncio.create_task(Pulse(stage.app.metrics, Supervisor()).run(), name="pulse")
        sweeping = asyncio.create_task(asyncio.to_thread(stage.app.rooms.shelf.sweep), name="sweep environments")
        warming = asyncio.create_task(asyncio.to_thread(_warm_up_quietly), name="warm up encoders")
        ending = asyncio.create_task(_end_streams(stage, queue, news), name="end streams")
        if stage.app.settings.server.reuse_port:  # another server speaks until this one can
            await asyncio.wait({loading}, timeout=LOADING_SECONDS)
        try:
            async with WyomingServer(stage, queue) as application.state.wyoming:
                yield
        finally:
            for task in (pulse, ending):
                task.cancel()
            await asyncio.gather(pulse, ending, warming, sweeping, return_exceptions=True)
            await stage.aclose()

    return lifespan


async def _end_streams(stage: Stage, queue: Queue, news: News) -> None:
    """End what has no end when the server leaves."""
    await queue.leaving.wait()
    news.close()
    stage.current.leaving.set()


def _warm_up_quietly() -> None:
    try:
        warm_up()
    except PortevoixError as error:
        logger.warning("codec.not_ready", extra={"code": error.code, "why": str(error)})


async def _answer_unrouted(request: Request, error: Exception) -> Response:
    """Answer what no route takes; the router's own words are not ours."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    if error.status_code == 405:  # noqa: PLR2004 - an HTTP status
        return answer_method(request)
    return error_answer(NotThere(f"there is nothing at {request.url.path[:80]!r}", hint="See /api/status or /."))
