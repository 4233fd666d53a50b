"""What a client of the speech API orders, read from its fields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from portevoix.codecs import find_format
from portevoix.errors import InvalidParameter
from portevoix.speech import SpeechRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "portevoix")
"""Models that stand for the whole chain."""

FIELDS = frozenset(
    [
        "model",
        "input",
        "voice",
        "response_format",
        "speed",
        "instructions",
        "stream_format",
        "language",
        "engine",
        "seed",
        "speaker",
    ]
)
SPEED_DEFAULT = 1.0
SEED_BITS = 63
UNKNOWN_MODEL = "unknown model, default chain used"


@dataclass(frozen=True, slots=True)
class Order:
    """Ask for speech over HTTP.

    Attributes:
        request: what to say, and how.
        format_name: key of `codecs.FORMATS`.
        stream_format: the bytes themselves, or server-sent events that carry them.
        is_model_known: the model named an engine or the chain.
        ignored: fields that were sent and changed nothing.
    """

    request: SpeechRequest
    format_name: str = "mp3"
    stream_format: Literal["audio", "sse"] = "audio"
    is_model_known: bool = True
    ignored: tuple[str, ...] = ()


def read_order(fields: Mapping[str, Any], engines: Collection[str], request_id: str = "") -> Order:
    """Return the order that the JSON fields of a request make.

    Args:
        fields: as they were sent.
        engines: names of the engines, each of which can be asked for as a model.
        request_id: name of the request.

    Raises:
        InvalidParameter: a field is missing, of the wrong type or outside its range.
        UnknownFormat: the format is none of ours.
    """
    model, text = _required_text(fields, "model"), _required_text(fields, "input")
    _text(fields, "instructions")
    is_engine = model in engines
    request = SpeechRequest(
        text,
        voice=_voice(fields),
        language=_text(fields, "language"),
        engine=_text(fields, "engine") or (model if is_engine else None),
        speed=_number(fields, "speed", SPEED_DEFAULT),
        speaker=_speaker(fields),
        seed=_seed(fields),
        request_id=request_id,
    )
    return Order(
        request,
        find_format(_text(fields, "response_format") or "mp3").name,
        _stream_format(fields),
        is_engine or model in MODELS,
        _ignored(fields),
    )


def _required_text(fields: Mapping[str, Any], name: str) -> str:
    value = _text(fields, name)
    if value is None:
        raise InvalidParameter(f"{name} is missing", hint=f"Send a text as {name}.", param=name)
    return value


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(name, value, "it must be a text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        why = f"character {error.start} is half of a surrogate pair"
        raise InvalidParameter(f"{name} is no valid text", why, "Send whole characters.", param=name) from error
    return value


def _voice(fields: Mapping[str, Any]) -> str | None:
    voice = fields.get("voice")
    name = _required_text({"voice": voice.get("id")}, "voice") if isinstance(voice, dict) else _text(fields, "voice")
    if name == "":
        raise InvalidParameter("voice is empty", hint="Name a voice, or leave it out.", param="voice")
    return name


def _number(fields: Mapping[str, Any], name: str, default: float) -> float:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(name, value, "it must be a number")
    return value


def _seed(fields: Mapping[str, Any]) -> int:
    value = fields.get("seed")
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value.bit_length() > SEED_BITS:
        raise _wrong("seed", value, f"it must be a whole number of at most {SEED_BITS} bits")
    return value


def _speaker(fields: Mapping[str, Any]) -> str | int | None:
    value = fields.get("speaker")
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _text(fields, "speaker")


def _stream_format(fields: Mapping[str, Any]) -> Literal["audio", "sse"]:
    match _text(fields, "stream_format"):
        case None | "audio":
            return "audio"
        case "sse":
            return "sse"
        case other:
            raise _wrong("stream_format", other, "it must be audio or sse")


def _ignored(fields: Mapping[str, Any]) -> tuple[str, ...]:
    unused = {"instructions"} if fields.get("instructions") else set()
    return tuple(sorted(unused | (set(fields) - FIELDS)))


def _wrong(name: str, value: object, why: str) -> InvalidParameter:
    return InvalidParameter(f"{name} is {value!r:.60}", why, param=name)
