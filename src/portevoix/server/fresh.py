"""Answers that hold for the moment alone, so that no cache may keep them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import MappingProxyType
from typing import Any

from starlette.responses import JSONResponse, StreamingResponse

FRESH = MappingProxyType({"Cache-Control": "no-store"})
EVENT_STREAM = "text/event-stream"


def fresh_answer(content: Any, status: int = 200) -> JSONResponse:
    """Return an answer with JSON."""
    return JSONResponse(content, status, FRESH)


def event_answer(events: AsyncGenerator[bytes, None]) -> StreamingResponse:
    """Return an answer with server-sent events, as they come."""
    return StreamingResponse(events, media_type=EVENT_STREAM, headers=FRESH)
