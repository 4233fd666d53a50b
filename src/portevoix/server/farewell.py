"""WebSockets when the server stops: what is being spoken is finished, then their clients are told to come again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from portevoix.server.queue import Queue

SERVICE_RESTART = 1012


class Farewell:
    """Let a WebSocket go once the server leaves and none of its texts holds a turn; stands behind the gate."""

    def __init__(self, app: ASGIApp, queue: Queue) -> None:
        """Stand before `app`."""
        self._app = app
        self._queue = queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        is_accepted = is_closed = False
        letting_go = asyncio.create_task(self._let_go(), name="let go")

        async def watched(message: Message) -> None:
            nonlocal is_accepted, is_closed
            await send(message)
            is_accepted = is_accepted or message["type"] == "websocket.accept"
            is_closed = is_closed or message["type"] == "websocket.close"

        pending: asyncio.Future[Message] | None = None

        async def next_message() -> Message:
            nonlocal pending
            pending = pending or asyncio.ensure_future(_next(receive))
            if is_accepted:
                either: set[asyncio.Future[Any]] = {pending, letting_go}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if letting_go.done() and not pending.done():
                    return {"type": "websocket.disconnect", "code": SERVICE_RESTART}
            message, pending = await pending, None
            return message

        try:
            await self._app(scope, next_message, watched)
        finally:
            has_let_go = letting_go.done() and not letting_go.cancelled()
            await end_tasks(letting_go, pending)
        if has_let_go and is_accepted and not is_closed:
            with suppress(OSError, RuntimeError):
                await send({"type": "websocket.close", "code": SERVICE_RESTART, "reason": "the server stops"})

    async def _let_go(self) -> None:
        seat = self._queue.seat_here
        await self._queue.leaving.wait()
        await seat.free.wait()


async def _next(receive: Receive) -> Message:
    return await receive()
