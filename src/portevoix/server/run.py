"""Run the server until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from portevoix.app import App, build
from portevoix.errors import MachineError, PortInUse
from portevoix.logs import configure_logging
from portevoix.server.application import create_application, make_queue
from portevoix.server.greeting import greeting
from portevoix.server.hosts import LOOPBACK_NAMES, is_loopback
from portevoix.server.metrics_port import MetricsPort

if TYPE_CHECKING:
    from types import FrameType

    from starlette.applications import Starlette

    from portevoix.config import Loaded
    from portevoix.engine import Engine
    from portevoix.server.queue import Queue

logger = logging.getLogger(__name__)

STOPPING_SECONDS = 10
"""How long a stop waits for what is being spoken."""

GREETING_SECONDS = 3.0
"""How long the greeting waits for engines that are loading."""

BACKLOG = 1024

Tell = Callable[[str], None]


def serve(
    loaded: Loaded,
    host: str | None = None,
    port: int | None = None,
    *,
    engines: Mapping[str, type[Engine]] | None = None,
    tell: Tell | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then finish what is being spoken, for at most 10 s, and return.

    Args:
        loaded: the configuration.
        host: address to listen on, in place of the configured one.
        port: port, likewise; 0 takes a free one.
        engines: engine classes by name; all that are installed when None.
        tell: is given each line that is meant for the owner; standard error when None.

    Raises:
        PortInUse: somebody else listens there.
        MachineError: the address cannot be listened on.
    """
    settings = loaded.settings
    configure_logging(settings.monitoring.log_format, settings.monitoring.log_level)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    address = settings.server.host if host is None else host
    with listen(address, settings.server.port if port is None else port) as listener:
        for problem in loaded.problems:
            logger.warning("config.problem_found", extra={"problem": str(problem)})
        app = build(loaded, engines=engines, max_text_length=settings.server.max_text_length)
        asyncio.run(_serve(app, address, listener, tell or _to_standard_error))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address, so that a port in use is found before anything is built.

    Raises:
        PortInUse: somebody else listens there.
        MachineError: the address cannot be listened on.
    """
    try:
        family, kind, protocol, _, place = min(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refusal(host, port, error) from error
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(host, port, error) from error
    return listener


def _refusal(host: str, port: int, error: OSError) -> MachineError:
    what, why = f"the server cannot listen on {host} port {port}", error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        return PortInUse(what, "another program does", f"Stop it, or choose another port: --port {port + 1}.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return MachineError(what, why, "Ports below 1024 belong to the system: choose a higher one.")
    return MachineError(what, why, "Choose an address of this machine: --host 127.0.0.1.")


async def _serve(app: App, host: str, listener: socket.socket, tell: Tell) -> None:
    queue = make_queue(app)
    names = LOOPBACK_NAMES if is_loopback(host) else None
    application = create_application(app, host_names=names, queue=queue)
    config = uvicorn.Config(
        application,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=app.settings.server.max_body_bytes,
        ws_per_message_deflate=False,
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOPPING_SECONDS,
    )
    server = Server(config, queue)
    greeter = asyncio.create_task(_greet(app, application, server, _address(host, listener), tell), name="greeting")
    with MetricsPort(app.metrics.registry, app.settings.monitoring, host):
        try:
            await server.serve(sockets=[listener])
        finally:
            greeter.cancel()
            await asyncio.gather(greeter, return_exceptions=True)


async def _greet(app: App, application: Starlette, server: Server, address: str, tell: Tell) -> None:
    await server.listening.wait()
    logger.info("server.started", extra={"address": address})
    await asyncio.wait({application.state.loading}, timeout=GREETING_SECONDS)
    for line in greeting(app, address):
        tell(line)


def _address(host: str, listener: socket.socket) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - a name
    return f"http://{name}:{listener.getsockname()[1]}"


class Server(uvicorn.Server):
    """Run an application so that a signal ends it well: exit code 0, and no new turns while it stops.

    Attributes:
        listening: set once connections are taken.
    """

    def __init__(self, config: uvicorn.Config, queue: Queue) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._queue = queue

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what waits, finish what is being spoken."""
        logger.info("server.stopping", extra={"running": self._queue.running, "waiting": self._queue.waiting})
        self._queue.close()
        await super().shutdown(sockets)
        logger.info("server.stopped")

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop at SIGINT and SIGTERM; in place of the original, which raises them again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _stop(self, _: int, __: FrameType | None) -> None:
        """Stop; the second time without waiting for anything."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a record of uvicorn's says what the house's own log does not: not that an answer was cut.

    Lines about WebSockets have the query, and clients put keys into it.
    """
    is_cancelled = bool(record.exc_info and record.exc_info[0] is asyncio.CancelledError)
    known = ("without completing response", '"WebSocket %s"')
    return not is_cancelled and not any(part in str(record.msg) for part in known)


def _to_standard_error(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - words for the owner
