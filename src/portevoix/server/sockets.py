"""The outer layer of WebSockets: who may open one, its name, its log line, and errors before the handshake."""

from __future__ import annotations

import logging
import uuid
from contextlib import nullcontext
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket

from portevoix.clock import Clock, system_clock
from portevoix.errors import PortevoixError
from portevoix.server.errors import HostNotAllowed, error_answer
from portevoix.server.hosts import is_own_page

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from portevoix.metrics import Metrics

logger = logging.getLogger(__name__)


class SocketJournal:
    """Name and log each WebSocket; refuse those that a page of another site opens.

    Browsers let every page open WebSockets anywhere, and tell from where; other programs do not.
    """

    def __init__(
        self, app: ASGIApp, clock: Clock = system_clock, metrics: Metrics | None = None,
        origins: Collection[str] = (),
    ) -> None:  # fmt: skip
        """Stand before `app`; open connections are counted in `metrics`; pages of `origins` may open some as well."""
        self._app = app
        self._origins = frozenset(origins)
        self._clock = clock
        self._open = metrics and metrics.connections.labels("websocket")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; its name is in `state.request_id`."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = uuid.uuid4().hex[:16]
        began, is_accepted = self._clock(), False

        async def watched(message: Message) -> None:
            nonlocal is_accepted
            is_accepted = is_accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            _check_origin(WebSocket(scope, receive, send), self._origins)
            with self._open.track_inprogress() if self._open else nullcontext():
                await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - the border: programming errors end here, with their traceback
            _log(error, state)
            if not is_accepted:
                await state.get("error_answer", error_answer)(error)(scope, receive, send)
        finally:
            logger.info("socket.closed", extra={
                "request_id": state["request_id"], "path": scope["path"][:200], "accepted": is_accepted,
                "code": state.get("code"), "total_ms": round((self._clock() - began) * 1000, 1),
            })  # fmt: skip


def _check_origin(websocket: WebSocket, origins: frozenset[str]) -> None:
    origin = websocket.headers.get("origin")
    if origin in origins or "*" in origins:
        return
    if origin is not None and not is_own_page(origin, websocket.headers.get("host", "")):
        raise HostNotAllowed("the page that asks is none of this server's", f"it comes from {origin[:80]!r}",
                             "Open the server's own page, or use a program.")  # fmt: skip


def _log(error: Exception, state: dict[str, object]) -> None:
    is_ours = isinstance(error, PortevoixError)
    state["code"] = error.code if isinstance(error, PortevoixError) else "internal_error"
    if not is_ours:
        logger.error("socket.crashed", extra={"request_id": state["request_id"]}, exc_info=error)
