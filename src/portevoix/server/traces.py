"""A span for each HTTP request and each WebSocket, in the trace of whoever asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portevoix.server.journal import QUIET_PATHS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from portevoix.tracing import Tracing

FIRST_FAILURE = 500
"""Statuses from here on are the server's doing."""


class Traces:
    """Span what an application does for each request; what machines ask all the time is left out."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        """Stand before `app`."""
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] not in ("http", "websocket") or scope["path"].startswith(QUIET_PATHS):
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracing.request(method, headers) as span:

            async def noted(message: Message) -> None:
                if message["type"].endswith("response.start"):
                    self._note(message["status"])
                await send(message)

            await self._app(scope, receive, noted)
            span.set_attribute("portevoix.request_id", scope.get("state", {}).get("request_id", ""))
            span.set_attribute("http.request.method", method)
            if (route := scope.get("route")) is not None:
                span.update_name(f"{method} {route.path}")
                span.set_attribute("http.route", route.path)

    @staticmethod
    def _note(status: int) -> None:
        from opentelemetry.trace import Status, StatusCode, get_current_span

        span = get_current_span()
        span.set_attribute("http.response.status_code", status)
        if status >= FIRST_FAILURE:
            span.set_status(Status(StatusCode.ERROR))
