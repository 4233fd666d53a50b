"""What a client of the speech API orders, read from its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from portevoix.codecs import find_format
from portevoix.errors import InvalidParameter
from portevoix.server.fields import (
    read_flag,
    read_number,
    read_seed,
    read_speaker,
    read_text,
    require_text,
    wrong_value,
)
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
        "word_times",
    ]
)
SPEED_DEFAULT = 1.0
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
        tells_words: the events tell when each word is heard.
        followers: engines that follow the request's instructions.
    """

    request: SpeechRequest
    format_name: str = "mp3"
    stream_format: Literal["audio", "sse"] = "audio"
    is_model_known: bool = True
    ignored: tuple[str, ...] = ()
    tells_words: bool = False
    followers: frozenset[str] = frozenset()

    def ignored_by(self, engine: str) -> tuple[str, ...]:
        """Return the fields that changed nothing when this engine spoke."""
        is_unheeded = bool(self.request.instructions) and engine not in self.followers
        return (*(("instructions",) if is_unheeded else ()), *self.ignored)


def read_order(
    fields: Mapping[str, Any], engines: Collection[str], request_id: str = "", followers: Collection[str] = ()
) -> Order:  # fmt: skip
    """Return the order that the JSON fields of a request make.

    Args:
        fields: as they were sent.
        engines: names of the engines, each of which can be asked for as a model.
        request_id: name of the request.
        followers: the engines that follow instructions.

    Raises:
        InvalidParameter: a field is missing, of the wrong type or outside its range.
        UnknownFormat: the format is none of ours.
    """
    model, text = require_text(fields, "model"), require_text(fields, "input")
    is_engine = model in engines
    request = SpeechRequest(
        text,
        voice=_voice(fields),
        language=read_text(fields, "language"),
        engine=read_text(fields, "engine") or (model if is_engine else None),
        speed=read_number(fields, "speed", SPEED_DEFAULT),
        speaker=read_speaker(fields),
        seed=read_seed(fields),
        request_id=request_id,
        instructions=read_text(fields, "instructions") or "",
    )
    return Order(
        request,
        find_format((read_text(fields, "response_format") or "mp3").lower()).name,
        read_stream_format(fields),
        is_engine or model in MODELS,
        tuple(sorted(set(fields) - FIELDS)),
        read_flag(fields, "word_times"),
        frozenset(followers),
    )


def _voice(fields: Mapping[str, Any]) -> str | None:
    voice = fields.get("voice")
    name = require_text({"voice": voice.get("id")}, "voice") if isinstance(voice, dict) else read_text(fields, "voice")
    if name == "":
        raise InvalidParameter("voice is empty", hint="Name a voice, or leave it out.", param="voice")
    return name


def read_stream_format(fields: Mapping[str, Any]) -> Literal["audio", "sse"]:
    """Return how a streamed answer is to come.

    Raises:
        InvalidParameter: it can come in no such way.
    """
    match read_text(fields, "stream_format"):
        case None | "audio":
            return "audio"
        case "sse":
            return "sse"
        case other:
            raise wrong_value("stream_format", other, "it must be audio or sse")
