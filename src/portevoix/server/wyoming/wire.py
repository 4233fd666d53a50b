"""Wyoming's wire format: a line of JSON, then its data, then its payload.

Source of the format: the `wyoming` project's description of its events.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portevoix.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "1.5.4"
"""Version of the protocol whose events are spoken here; clients only show it."""

PIECE_BYTES = 65_536


class UnreadableEvent(RequestError):
    """Refuse what is no event, so that nobody can tell where the next one begins."""

    code = "unreadable_event"


@dataclass(frozen=True, slots=True)
class Event:
    """Say one thing.

    Attributes:
        type: what it is about.
        data: JSON values.
        payload: audio; that of events that are read is not kept.
    """

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


async def read_event(reader: asyncio.StreamReader, max_bytes: int) -> Event | None:
    """Return the next event, or None when the other side has left.

    Args:
        reader: whose own limit bounds a line.
        max_bytes: largest data and largest payload.

    Raises:
        UnreadableEvent: it is not an event, or too large.
    """
    try:
        line = await reader.readuntil(b"\n")
        head = _parse(line)
        data = _object(head.get("data") or {}, "its data")
        size = _size(head, "data_length", max_bytes)
        if size:
            data = {**data, **_parse(await reader.readexactly(size))}
        await _skip(reader, _size(head, "payload_length", max_bytes))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as error:
        raise UnreadableEvent("the event is too long", "its first line has no end within the limit") from error
    kind = head.get("type")
    if not isinstance(kind, str):
        raise UnreadableEvent("the event has no type", f"its type is {kind!r:.60}")
    return Event(kind, data)


def write_event(event: Event) -> bytes:
    """Return an event's bytes."""
    data = json.dumps(event.data, ensure_ascii=False).encode("utf-8", "replace") if event.data else b""
    head: dict[str, Any] = {"type": event.type, "version": VERSION}
    if data:
        head["data_length"] = len(data)
    if event.payload:
        head["payload_length"] = len(event.payload)
    return json.dumps(head).encode() + b"\n" + data + event.payload


def _parse(content: bytes) -> dict[str, Any]:
    try:
        return _object(json.loads(content), "it")
    except (ValueError, RecursionError) as error:
        raise UnreadableEvent("the event is not JSON", str(error)[:200]) from error


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableEvent("the event is not readable", f"{name} is no JSON object")
    return value


def _size(head: Mapping[str, Any], name: str, max_bytes: int) -> int:
    size = head.get(name)
    if size is None:
        return 0
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise UnreadableEvent("the event is not readable", f"{name} is {size!r:.60}")
    if size > max_bytes:
        raise UnreadableEvent("the event is too large", f"{name} is {size!r:.60}, the limit is {max_bytes} bytes")
    return size


async def _skip(reader: asyncio.StreamReader, count: int) -> None:
    while count:
        count -= len(await reader.readexactly(min(count, PIECE_BYTES)))
