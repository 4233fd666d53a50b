"""The access log, the name of each request, and errors as answers: the outer layers of the application."""

from __future__ import annotations

import logging
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request

from portevoix.clock import Clock, system_clock
from portevoix.errors import PortevoixError
from portevoix.server.errors import error_answer, status_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from portevoix.metrics import Metrics

logger = logging.getLogger(__name__)

SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
QUIET_PATHS = ("/health/", "/metrics")
"""Asked every few seconds by machines: told at DEBUG."""


@dataclass
class _Entry:
    """What is known of one answer.

    Attributes:
        status: of the answer, 0 until it begins.
        first_byte: when the first byte of its body was sent, in the clock's seconds.
        count_bytes: bytes of its body.
        is_audio: its body is sound.
        is_complete: it has been sent to its end.
    """

    status: int = 0
    first_byte: float | None = None
    count_bytes: int = 0
    is_audio: bool = False
    is_complete: bool = False


class Journal:
    """Name each request, and log each answer: path, status, times and size, never a text."""

    def __init__(self, app: ASGIApp, clock: Clock = system_clock, metrics: Metrics | None = None) -> None:
        """Stand before `app`; answers are counted in `metrics`."""
        self._app = app
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; its name is in `state.request_id` and in the answer's `X-Request-Id`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Request(scope))
        scope.setdefault("state", {})["request_id"] = request_id
        entry, began = _Entry(), self._clock()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)
            self._note(entry, message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._tell(scope, entry, began)

    def _note(self, entry: _Entry, message: Message) -> None:
        if message["type"] == "http.response.start":
            entry.status = message["status"]
            entry.is_audio = MutableHeaders(scope=message).get("content-type", "").startswith("audio/")
            return
        body = message.get("body", b"")
        if body and entry.first_byte is None:
            entry.first_byte = self._clock()
        entry.count_bytes += len(body)
        entry.is_complete = not message.get("more_body", False)

    def _tell(self, scope: Scope, entry: _Entry, began: float) -> None:
        now = self._clock()
        is_quiet = scope["path"].startswith(QUIET_PATHS)
        event = "http.answered" if entry.is_complete else "http.broken_off"
        code = scope["state"].get("code")
        self._count(entry, code or "", began)
        logger.log(logging.DEBUG if is_quiet else logging.INFO, event, extra={
            "request_id": scope["state"]["request_id"], "method": scope["method"], "path": scope["path"][:200],
            "status": entry.status or None, "code": code, "bytes": entry.count_bytes,
            "first_byte_ms": None if entry.first_byte is None else _milliseconds(entry.first_byte - began),
            "total_ms": _milliseconds(now - began),
        })  # fmt: skip

    def _count(self, entry: _Entry, code: str, began: float) -> None:
        if self._metrics is None:
            return
        self._metrics.answers.labels(str(entry.status or "none"), code).inc()
        if entry.is_audio and entry.first_byte is not None:
            self._metrics.first_sound.observe(entry.first_byte - began)


class ErrorAnswers:
    """Answer an error that nobody answered; cut the connection where an answer is under way.

    An application that returns in mid-answer makes the server close the connection without the mark of the end, so
    every client sees that something is missing. An endpoint whose errors have another shape leaves what makes such an
    answer in `state.error_answer`.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the border: programming errors end here, with their traceback
            _log(error, scope)
            if not has_begun:
                await scope["state"].get("error_answer", error_answer)(error)(scope, receive, send)


def _log(error: Exception, scope: Scope) -> None:
    state = scope["state"]
    state["code"] = error.code if isinstance(error, PortevoixError) else "internal_error"
    facts = {"request_id": state["request_id"], "code": state["code"]}
    if not isinstance(error, PortevoixError):
        logger.error("request.crashed", extra=facts, exc_info=error)
    elif status_of(error) >= 500:  # noqa: PLR2004 - an HTTP status
        logger.warning("request.failed", extra={**facts, "why": str(error)})


def _request_id(request: Request) -> str:
    """Return the client's own name for its request where that is harmless, else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if SANE_ID.fullmatch(given) else uuid.uuid4().hex[:16]


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
