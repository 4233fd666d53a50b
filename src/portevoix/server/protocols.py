"""uvicorn's protocols, so that an application can drop a connection whose client takes nothing."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from portevoix.server.patience import ABORT

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp, Receive, Scope, Send


class HttpProtocol(H11Protocol):
    """Serve HTTP/1.1."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; give the application what drops the connection."""
        super().connection_made(transport)
        self.app: Any = _droppable(self.app, transport)


class SocketProtocol(WebSocketsSansIOProtocol):
    """Serve a WebSocket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; give the application what drops the connection."""
        super().connection_made(transport)
        self.app: Any = _droppable(self.app, transport)

    def shutdown(self) -> None:
        """Leave it to the application to end what has begun, once it has spoken."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()


def _droppable(app: ASGIApp, transport: asyncio.Transport) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope[ABORT] = partial(_drop, transport)
        await app(scope, receive, send)

    return serve


def _drop(transport: asyncio.Transport) -> None:
    """Close a connection by a reset (SO_LINGER of 0): the system is not to keep what its client will not take."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
