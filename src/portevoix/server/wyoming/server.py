"""Where Wyoming clients connect: a TCP port, a Unix socket, or both."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from portevoix.server.wyoming.conversation import Conversation

if TYPE_CHECKING:
    from types import TracebackType

    from portevoix.app import App
    from portevoix.server.queue import Queue

logger = logging.getLogger(__name__)

STOPPING_SECONDS = 10.0
"""How long a stop waits for what is being spoken."""

CLOSING_SECONDS = 5.0
"""How long the end of a connection waits for its client to take the last events."""


class WyomingServer:
    """Serve Wyoming while the context lasts, where the settings ask for it; used from one event loop.

    An address that cannot be used costs the clients there, never those of HTTP.

    Attributes:
        port: the TCP port, or 0 where none is listened on.
    """

    def __init__(self, app: App, queue: Queue) -> None:
        """Speak with `app`, in turns of `queue`; do nothing yet."""
        self.port = 0
        self._app = app
        self._queue = queue
        self._settings = app.settings.wyoming
        self._listeners: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], Conversation] = {}

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        if self._settings.enabled:
            await self._listen_tcp()
            await self._listen_unix()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more clients, finish what is being spoken for at most 10 s, and let the others go."""
        for listener in self._listeners:
            listener.close()
        for conversation in self._connections.values():
            conversation.stop()
        if self._connections:
            await asyncio.wait(self._connections, timeout=STOPPING_SECONDS)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._settings.enabled and self._settings.unix_socket:
            self._settings.unix_socket.unlink(missing_ok=True)

    async def _listen_tcp(self) -> None:
        settings = self._settings
        try:
            listener = await asyncio.start_server(self._serve, settings.host, settings.port, limit=self._limit)
        except OSError as error:
            _tell_unusable(f"{settings.host} port {settings.port}", error)
            return
        self._listeners.append(listener)
        self.port = listener.sockets[0].getsockname()[1]
        logger.info("wyoming.served", extra={"host": settings.host, "port": self.port})

    async def _listen_unix(self) -> None:
        path = self._settings.unix_socket
        if path is None:
            return
        try:
            listener = await asyncio.start_unix_server(self._serve, path, limit=self._limit)
        except (OSError, AttributeError) as error:  # Windows has none
            _tell_unusable(str(path), error)
            return
        self._listeners.append(listener)
        logger.info("wyoming.served", extra={"socket": str(path)})

    @property
    def _limit(self) -> int:
        return self._app.settings.server.max_body_bytes

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(self._app, self._queue, reader, writer)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this in a task
        if len(self._connections) >= self._settings.max_connections:
            logger.warning("wyoming.refused", extra={"connections": len(self._connections)})
            writer.close()
            return
        self._connections[task] = conversation
        try:
            await conversation.run()
        finally:
            del self._connections[task]
            await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is left, if the client takes it, and close the connection."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await writer.wait_closed()
    except (TimeoutError, ConnectionError):
        writer.transport.abort()


def _tell_unusable(place: str, error: Exception) -> None:
    logger.warning("wyoming.place_not_usable", extra={
        "place": place, "why": str(error), "hint": "Choose another wyoming.port or wyoming.unix_socket.",
    })  # fmt: skip
