"""Bounds on waiting: for the first byte as long as the client has time, and for a client that takes nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from portevoix.errors import InvalidParameter
from portevoix.server.errors import DeadlinePassed

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

DEADLINE_HEADER = "X-Deadline-Ms"
LONGEST_DEADLINE_MS = 3_600_000
ABORT = "portevoix.abort"
"""In the scope of a connection: a function that drops it with all that it still was to send."""

GOING_AWAY = 1006


class Deadline:
    """Give an answer up that has not begun when its client's time is over, wherever it waits."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            InvalidParameter: its `X-Deadline-Ms` is no number of milliseconds.
            DeadlinePassed: the answer had not begun in time.
        """
        seconds = _deadline_seconds(scope)
        if seconds is None:
            await self._app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if not limit.expired():
                limit.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(seconds) as limit:
                await self._app(scope, receive, watched)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DeadlinePassed("the answer is too late", f"nothing was heard within {seconds:g} s",
                                 f"Give it more time: {DEADLINE_HEADER}.") from error  # fmt: skip


class SendLimit:
    """Cut a connection whose client takes nothing, so that it does not keep its turn."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        """Stand before `app`; a client may take nothing for so many `seconds`."""
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        Raises:
            ClientDisconnect: from `send` of the application: the client took nothing.
        """
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def bounded(message: Message) -> None:
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    await send(message)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                logger.warning("client.stalled", extra={
                    "request_id": scope.get("state", {}).get("request_id"), "seconds": self._seconds})  # fmt: skip
                scope.get(ABORT, _nothing)()
                raise _departure(scope["type"]) from error

        await self._app(scope, receive, bounded)


def _departure(kind: str) -> Exception:
    return ClientDisconnect() if kind == "http" else WebSocketDisconnect(GOING_AWAY, "the client takes nothing")


def _deadline_seconds(scope: Scope) -> float | None:
    if scope["type"] != "http":
        return None
    given = Headers(scope=scope).get(DEADLINE_HEADER)
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:12]) <= LONGEST_DEADLINE_MS:
        why = f"it must be a whole number of milliseconds, from 1 to {LONGEST_DEADLINE_MS}"
        raise InvalidParameter(f"{DEADLINE_HEADER} is {given[:40]!r}", why, param=DEADLINE_HEADER)
    return int(given) / 1000


def _nothing() -> None:
    """Do nothing: a connection that is no socket has nothing to drop."""
