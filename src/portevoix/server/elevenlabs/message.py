"""What a client says on a WebSocket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portevoix.errors import InvalidParameter
from portevoix.server.elevenlabs.order import read_speed
from portevoix.server.errors import UnreadableBody
from portevoix.server.fields import read_flag, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Message:
    """Say something about one context, or about the socket.

    Attributes:
        text: the next part of the text; None where the message has none, "" where it says nothing on purpose.
        context: name of the context, or None.
        is_flush: speak what was written.
        closes_context: no more is to come for it.
        closes_socket: no more is to come at all.
        speed: factor of the voice's own pace; read where a context begins.
    """

    text: str | None = None
    context: str | None = None
    is_flush: bool = False
    closes_context: bool = False
    closes_socket: bool = False
    speed: float = 1.0


def read_message(received: Mapping[str, Any]) -> Message:
    """Return what an ASGI message of a WebSocket says.

    Raises:
        UnreadableBody: it is not a JSON object in a text frame.
        InvalidParameter: a field is of the wrong type.
    """
    text = received.get("text")
    if text is None:
        raise UnreadableBody("the message is not readable", "it is binary", "Send JSON in text frames.")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableBody("the message is not JSON", str(error)[:200]) from error
    if not isinstance(fields, dict):
        raise UnreadableBody("the message is not a JSON object", hint='Send {"text": …}.')
    return Message(
        read_text(fields, "text"),
        _context(fields),
        read_flag(fields, "flush"),
        read_flag(fields, "close_context"),
        read_flag(fields, "close_socket"),
        read_speed(fields),
    )


def _context(fields: Mapping[str, Any]) -> str | None:
    name = read_text(fields, "context_id") or read_text(fields, "contextId")
    if name and len(name) > LONGEST_NAME:
        raise InvalidParameter("context_id is too long", f"the limit is {LONGEST_NAME} characters", param="context_id")
    return name or None
