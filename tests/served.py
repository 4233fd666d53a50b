"""A server for tests: a real one, on real sockets, with scripted engines."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx

from portevoix.app import App, build
from portevoix.config import load
from portevoix.config.loading import Loaded
from portevoix.engine import Delivery
from portevoix.server.application import create_application, make_queue
from portevoix.server.run import Server, listen, server_config
from tests.scripted import ScriptedEngine, kind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from portevoix.server.queue import Queue

SILENT = kind("silent_emergency", is_silent=True, delivery=Delivery.FRAMES, priority=1000, languages=("",))


def configured(engines: Mapping[str, type[ScriptedEngine]], **settings: Any) -> Loaded:
    """Return a configuration of defaults, with sections of settings replaced field by field; nothing on disk."""
    loaded = load(None, {"HOME": "/nonexistent", "PORTEVOIX_CACHE__DISK_ENABLED": "false"}, engines)
    whole = loaded.settings
    cache = replace(whole.cache, disk_enabled=False)
    changed = {name: replace(getattr(whole, name), **fields) for name, fields in settings.items()}
    return Loaded(replace(whole, **{"cache": cache, **changed}))


def make_app(*kinds: type[ScriptedEngine], max_text_length: int | None = None, **settings: Any) -> App:
    """Return an app whose engines follow their scripts."""
    engines = {one.name: one for one in kinds}
    return build(configured(engines, **settings), engines=engines, max_text_length=max_text_length)


@dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
        url: without a slash at the end.
        port: on 127.0.0.1.
        app: what speaks; to be looked at only, it lives in another thread.
        queue: the server's.
    """

    url: str
    port: int
    app: App
    queue: Queue


@contextmanager
def served(app: App) -> Generator[Served, None, None]:
    """Serve `app` from a thread of its own, through uvicorn, until the context ends."""
    listener = listen("127.0.0.1", 0)
    started = threading.Event()
    queue = make_queue(app)
    servers: list[Server] = []

    async def run() -> None:
        config = server_config(create_application(app, queue=queue), app.settings.server)
        config.timeout_graceful_shutdown = 2
        servers.append(Server(config, queue))
        telling = asyncio.create_task(servers[0].listening.wait())
        telling.add_done_callback(lambda _: started.set())
        await servers[0].serve(sockets=[listener])

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="served")
    thread.start()
    try:
        assert started.wait(10), "the server did not start"
        port = listener.getsockname()[1]
        yield Served(f"http://127.0.0.1:{port}", port, app, queue)
    finally:
        servers[0].should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server did not stop"


@asynccontextmanager
async def connected(app: App, **options: Any) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Give a client whose requests go straight into the application, without sockets."""
    transport = httpx.ASGITransport(create_application(app, **options))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001") as client:
        yield client
    await app.aclose()
