"""What a client of ElevenLabs' API orders, read from path, query and fields."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from portevoix.server.elevenlabs.formats import DEFAULT, OutputFormat, find_output
from portevoix.server.fields import read_number, read_section, read_seed, read_text, require_text, wrong_value
from portevoix.server.order import Order
from portevoix.speech import SpeechRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

FIELDS = frozenset({"text", "model_id", "language_code", "voice_settings", "seed"})
IDLE_SECONDS = (20.0, 180.0)
"""How long a client may say nothing, when it does not say for how long, and at most."""


def read_order(fields: Mapping[str, Any], voice: str, engines: Collection[str], request_id: str = "") -> Order:
    """Return the order that a JSON body makes.

    Args:
        fields: as they were sent.
        voice: from the path.
        engines: names of the engines, each of which can be asked for as a model.
        request_id: name of the request.

    Raises:
        InvalidParameter: a field is missing, of the wrong type or outside its range.
    """
    request = SpeechRequest(
        require_text(fields, "text"),
        voice=voice,
        language=read_text(fields, "language_code") or None,
        engine=_engine(read_text(fields, "model_id"), engines),
        speed=read_speed(fields),
        seed=read_seed(fields),
        request_id=request_id,
    )
    return Order(request, ignored=tuple(sorted(set(fields) - FIELDS)))


def read_query(query: Mapping[str, str], voice: str, engines: Collection[str], request_id: str = "") -> SpeechRequest:
    """Return who is to speak on a WebSocket, without a text."""
    return SpeechRequest("", voice=voice, language=query.get("language_code") or None,
                         engine=_engine(query.get("model_id"), engines), request_id=request_id)  # fmt: skip


def read_output(query: Mapping[str, str]) -> OutputFormat:
    """Return the format that was asked for.

    Raises:
        UnknownFormat: there is no such format.
    """
    return find_output((query.get("output_format") or DEFAULT).lower())


def read_speed(fields: Mapping[str, Any]) -> float:
    """Return the pace, the only one of the voice settings that the voices here have.

    Raises:
        InvalidParameter: it is no number.
    """
    return read_number(read_section(fields, "voice_settings"), "speed", 1.0)


def is_wanted(query: Mapping[str, str], name: str) -> bool:
    """Return whether a switch of the query is on."""
    return query.get(name, "").lower() in ("true", "1")


def read_idle_seconds(query: Mapping[str, str]) -> float:
    """Return how long a client may say nothing.

    Raises:
        InvalidParameter: it is no positive number.
    """
    usual, most = IDLE_SECONDS
    asked = query.get("inactivity_timeout") or usual
    try:
        seconds = float(asked)
    except ValueError as error:
        raise wrong_value("inactivity_timeout", asked, "it must be a number of seconds") from error
    if not math.isfinite(seconds) or seconds <= 0:
        raise wrong_value("inactivity_timeout", asked, "it must be positive")
    return min(seconds, most)


def _engine(model: str | None, engines: Collection[str]) -> str | None:
    """Return the engine that a model stands for; every other model is the whole chain."""
    return model if model in engines else None
