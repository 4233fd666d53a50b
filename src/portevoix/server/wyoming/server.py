"""Where Wyoming clients connect: a TCP port, a Unix socket, or both."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from portevoix.server.guest import Guest
from portevoix.server.listening import divert
from portevoix.server.wyoming.announcement import announce
from portevoix.server.wyoming.conversation import Conversation
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from portevoix.server.queue import Queue
    from portevoix.server.stage import Stage

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 5.0
"""How long the end of a connection waits for its client to take the last events."""


class WyomingServer:
    """Serve Wyoming while the context lasts, where the settings ask for it; used from one event loop.

    When the server leaves, no more clients are taken, and those that are here are let go after what is being spoken.
    One that shares its port leaves new clients to the server that follows it, and serves who has come here until the
    queue closes.

    An address that cannot be used costs the clients there, never those of HTTP.

    Attributes:
        port: the TCP port, or 0 where none is listened on.
    """

    def __init__(self, stage: Stage, queue: Queue) -> None:
        """Speak with what is on `stage`, in turns of `queue`; do nothing yet."""
        self.port = 0
        self._stage = stage
        self._queue = queue
        self._settings = stage.app.settings.wyoming
        self._server_settings = stage.app.settings.server
        self._stopping: asyncio.Task[None] | None = None
        self._announcing: asyncio.Task[None] | None = None
        self._unix_inode = 0
        self._listeners: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], Conversation] = {}

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        if self._settings.enabled:
            await self._listen_tcp()
            await self._listen_unix()
            self._announce()
            self._stopping = asyncio.create_task(self._stop(), name="stop wyoming")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more clients, finish what is being spoken for as long as a stop may take, and let the others go."""
        if self._stopping is None:
            return
        self._queue.close()
        await self._stopping
        await end_tasks(*self._connections)
        path = self._settings.unix_socket
        if path is not None and _inode(path) == self._unix_inode:  # another server may listen there by now
            path.unlink(missing_ok=True)

    async def _stop(self) -> None:
        await self._queue.leaving.wait()
        await end_tasks(self._announcing)
        if self._server_settings.reuse_port:
            self._divert()
            await self._queue.closing.wait()
        for listener in self._listeners:
            listener.close()
        for conversation in self._connections.values():
            conversation.stop()
        if self._connections:
            await asyncio.wait(self._connections, timeout=self._server_settings.stop_timeout_seconds)

    def _divert(self) -> None:
        """Let the next server have all new connections; a Unix socket cannot be shared, its path is the next one's."""
        is_diverted = [divert(one) for listener in self._listeners for one in listener.sockets]
        logger.info("wyoming.handing_over", extra={"diverted": any(is_diverted)})

    @property
    def is_busy(self) -> bool:
        """Return whether anybody is spoken to, or has begun to ask."""
        return any(conversation.is_busy for conversation in self._connections.values())

    async def _listen_tcp(self) -> None:
        settings = self._settings
        try:
            listener = await asyncio.start_server(
                self._serve, settings.host, settings.port, limit=self._limit,
                reuse_port=self._server_settings.reuse_port or None,
            )  # fmt: skip
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
        self._unix_inode = _inode(path)
        logger.info("wyoming.served", extra={"socket": str(path)})

    def _announce(self) -> None:
        wanted = self._settings.zeroconf
        if wanted and self.port:
            name = wanted if isinstance(wanted, str) else ""
            announcing = announce(name, self._settings.host, self.port)
            self._announcing = asyncio.create_task(announcing, name="announce wyoming")

    @property
    def _limit(self) -> int:
        return self._stage.app.settings.server.max_body_bytes

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(self._stage, self._queue, reader, writer)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this in a task
        if len(self._connections) >= self._settings.max_connections:
            logger.warning("wyoming.refused", extra={"connections": len(self._connections)})
            writer.close()
            return
        self._connections[task] = conversation
        try:
            connections = self._stage.app.metrics.connections.labels("wyoming")
            with connections.track_inprogress(), self._queue.seat(_guest(writer)):
                await conversation.run()
        finally:
            del self._connections[task]
            await _close(writer)


def _guest(writer: asyncio.StreamWriter) -> Guest:
    peer = writer.get_extra_info("peername")
    return Guest(str(peer[0]) if isinstance(peer, tuple) and peer else "unix")


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


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
