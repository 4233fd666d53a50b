"""Run the server until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from portevoix.app import App, build
from portevoix.config import fingerprint, load_content
from portevoix.logs import configure_logging
from portevoix.metrics_port import MetricsPort
from portevoix.net.urls import url_of
from portevoix.registry import installed_engines
from portevoix.server.application import create_application, key_ring, make_queue
from portevoix.server.errors import KeysRequired
from portevoix.server.greeting import greeting
from portevoix.server.history import FOLDER_NAME, History
from portevoix.server.hosts import LOOPBACK_NAMES, is_loopback
from portevoix.server.listening import BACKLOG, divert, listen
from portevoix.server.protocols import HttpProtocol, SocketProtocol
from portevoix.server.supervisor import Supervisor
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from types import FrameType

    from starlette.applications import Starlette

    from portevoix.config import Loaded, ServerSettings, Settings
    from portevoix.engine import Engine
    from portevoix.server.queue import Queue

logger = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
"""A server that hands over ends when nobody has asked it anything for so long."""

HAND_OVER_STEP_SECONDS = 0.02

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept: longer than proxies (nginx: 60 s) and clients keep theirs, so that it is they
who close it, and never the server while a request is on its way."""

GREETING_SECONDS = 3.0
"""How long the greeting waits for engines that are loading."""

Tell = Callable[[str], None]


def serve(
    loaded: Loaded,
    host: str | None = None,
    port: int | None = None,
    *,
    engines: Mapping[str, type[Engine]] | None = None,
    tell: Tell | None = None,
    history: History | None = None,
    adjust: Callable[[Loaded], Loaded] | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; then finish what is being spoken, and return.

    Speech that is not over after `server.stop_timeout_seconds` is cut.

    A configuration that was put in force while a server ran is used again, see `History.applied`.

    Args:
        loaded: the configuration.
        host: address to listen on, in place of the configured one.
        port: port, likewise; 0 takes a free one.
        engines: engine classes by name; all that are installed when None.
        tell: is given each line that is meant for the owner; standard error when None.
        history: the configurations that have been in force; what the data folder has when None.
        adjust: puts the command line's wishes over a configuration.

    Raises:
        KeysRequired: the address can be reached from elsewhere, and there is no key.
        PortInUse: somebody else listens there.
        MachineError: the address cannot be listened on.
    """
    adjust = adjust or (lambda one: one)
    configure_logging(loaded.settings.monitoring.log_format, loaded.settings.monitoring.log_level)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    loaded, history = _remembered(loaded, engines, history)
    loaded = adjust(loaded)
    settings = loaded.settings
    address = settings.server.host if host is None else host
    _check_reach(address, settings)
    number = settings.server.port if port is None else port
    with listen(address, number, reuses_port=settings.server.reuse_port) as listener:
        for problem in loaded.problems:
            logger.warning("config.problem_found", extra={"problem": str(problem)})
        app = build(loaded, engines=engines, max_text_length=settings.server.max_text_length)
        asyncio.run(_serve(app, address, listener, tell or _to_standard_error, history))


def _remembered(
    loaded: Loaded, engines: Mapping[str, type[Engine]] | None, history: History | None
) -> tuple[Loaded, History]:  # fmt: skip
    """Return what to start with: what was put in force last, unless the file has been changed since."""
    content = loaded.path.read_bytes() if loaded.path is not None and loaded.path.is_file() else b""
    history = history or History(loaded.settings.data_folder / FOLDER_NAME)
    if (applied := history.applied(content)) is not None:
        record, text = applied
        again = load_content(text, record.name, os.environ, engines or installed_engines())
        if not again.errors:
            logger.info("config.resumed", extra={"config": record.id, "hash": record.hash})
            return again, history
        logger.error("config.not_resumed", extra={
            "config": record.id, "why": str(again.errors[0]), "hint": "The file it was started with is used.",
        })  # fmt: skip
    history.begin(content, str(loaded.path or ""), fingerprint(loaded.settings))
    return loaded, history


def _check_reach(address: str, settings: Settings) -> None:
    """Refuse to let everybody in by accident.

    Raises:
        KeysRequired: the address can be reached from elsewhere, and there is no key.
    """
    if is_loopback(address) or settings.server.allow_anyone or key_ring(settings).keys:
        return
    raise KeysRequired(
        f"the server does not listen on {address}", "there is no key, so anyone there could speak",
        "Make one: `portevoix keys create NAME --scope speak`. Or let anyone speak: --allow-anyone.",
    )  # fmt: skip


async def _serve(app: App, host: str, listener: socket.socket, tell: Tell, history: History) -> None:
    queue = make_queue(app)
    names = LOOPBACK_NAMES if is_loopback(host) else None
    application = create_application(app, host_names=names, queue=queue, history=history)
    server = Server(server_config(application, app.settings.server), queue, shares_port=app.settings.server.reuse_port,
                    is_busy=lambda: application.state.wyoming.is_busy)  # fmt: skip
    url = url_of(host, listener.getsockname()[1])
    greeter = asyncio.create_task(_greet(app, application, server, url, tell), name="greeting")
    with MetricsPort(app.metrics.registry, app.settings.monitoring, host):
        try:
            await server.serve(sockets=[listener])
        finally:
            await end_tasks(greeter)


def server_config(application: Starlette, settings: ServerSettings) -> uvicorn.Config:
    """Return how an application is served."""
    return uvicorn.Config(
        application,
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=False,
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.stop_timeout_seconds),
    )


async def _greet(app: App, application: Starlette, server: Server, address: str, tell: Tell) -> None:
    await server.listening.wait()
    logger.info("server.started", extra={"address": address})
    await asyncio.wait({application.state.loading}, timeout=GREETING_SECONDS)
    for line in greeting(app, address):
        tell(line)


class Server(uvicorn.Server):
    """Run an application so that a signal ends it well: exit code 0, and no new turns while it stops.

    Attributes:
        listening: set once connections are taken.
    """

    def __init__(
        self, config: uvicorn.Config, queue: Queue, *, shares_port: bool = False,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """Serve; one that `shares_port` lets another take over before it ends, and while it `is_busy` elsewhere."""
        super().__init__(config)
        self.listening = asyncio.Event()
        self._queue = queue
        self._shares_port = shares_port
        self._is_busy = is_busy

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        self.listening.set()
        Supervisor().ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what waits, finish what is being spoken."""
        logger.info("server.stopping", extra={"running": self._queue.running, "waiting": self._queue.waiting})
        Supervisor().stopping()
        self._queue.leave()
        if self._shares_port and not self.force_exit:
            await self._hand_over(sockets or [])
        self._queue.close()
        await super().shutdown(sockets)
        logger.info("server.stopped")

    async def _hand_over(self, sockets: list[socket.socket]) -> None:
        """Serve whoever came here before the other server took over, and let them know to connect again.

        Every answer closes its connection; what was on its way when the other one took over still arrives here.
        """
        is_diverted = [divert(one) for one in sockets]
        logger.info("server.handing_over", extra={"diverted": all(is_diverted)})
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        loop = asyncio.get_running_loop()
        busy = began = loop.time()
        while loop.time() - busy < QUIET_SECONDS and loop.time() - began < (self.config.timeout_graceful_shutdown or 0):
            await asyncio.sleep(HAND_OVER_STEP_SECONDS)
            busy = loop.time() if self.server_state.tasks or self._is_busy() or self.force_exit else busy

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop at SIGINT, SIGTERM and SIGHUP; in place of the original, which raises them again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {number: signal.signal(number, self._stop) for number in _ends()}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _stop(self, _: int, __: FrameType | None) -> None:
        """Stop; the second time without waiting for anything."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _ends() -> tuple[signal.Signals, ...]:
    """Return the signals that end a server; the terminal's hanging up is none where `nohup` has seen to that."""
    hung_up: signal.Signals | None = getattr(signal, "SIGHUP", None)
    if hung_up is None or signal.getsignal(hung_up) is signal.SIG_IGN:
        return signal.SIGINT, signal.SIGTERM
    return signal.SIGINT, signal.SIGTERM, hung_up


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a record of uvicorn's says what the house's own log does not: not that an answer was cut.

    Lines about WebSockets have the query, and clients put keys into it.
    """
    is_cancelled = bool(record.exc_info and record.exc_info[0] is asyncio.CancelledError)
    is_cancelled = is_cancelled or str(record.msg).rstrip().endswith(asyncio.CancelledError.__name__)
    known = ("without completing response", '"WebSocket %s"')
    return not is_cancelled and not any(part in str(record.msg) for part in known)


def _to_standard_error(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - words for the owner
