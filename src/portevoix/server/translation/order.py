"""What a client of `/translate` orders, read from JSON or a form."""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from portevoix.codecs import find_format
from portevoix.errors import AudioNotReadable, InvalidParameter
from portevoix.server.body import read_object
from portevoix.server.fields import read_flag, read_number, read_section, read_text, require_text, wrong_value
from portevoix.server.form import read_form, recording_of, text_of
from portevoix.server.order import MODELS, read_stream_format
from portevoix.speech import Parameter, SpeechRequest
from portevoix.translate.languages import AUTO
from portevoix.translate.request import TranslationRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

Delivery = Literal["base64", "link"]

RECORDING = "speaker_audio"
RECORDING_BYTES = 10 * 1024 * 1024
"""Largest recording that is taken."""

FLAGS = ("enable_tts", "stream")
SECTIONS = ("cloning_params",)
NUMBERS = ("speed",)
TEXTS = (
    "text", "target_lang", "source_lang", "engine", "translation_model", "stream_format", "model", "voice",
    "output_format", "audio_delivery", "message_id", RECORDING,
)  # fmt: skip
FIELDS = frozenset((*FLAGS, *SECTIONS, *NUMBERS, *TEXTS))


@dataclass(frozen=True, slots=True)
class Order:
    """Ask for a translation over HTTP.

    Attributes:
        translation: what to translate.
        speech: how to speak it; its text comes from the translation. None where none is wanted.
        format_name: key of `codecs.FORMATS`.
        is_streamed: the answer is the audio itself, as it is made.
        stream_format: the bytes of the audio alone, or server-sent events that carry them and the translation.
        delivery: how the speech comes with an answer in JSON.
        recording: content of a file to speak like, b"" for none.
        message_id: handed back as it came.
        ignored: fields that were sent and changed nothing.
    """

    translation: TranslationRequest
    speech: SpeechRequest | None = None
    format_name: str = "wav"
    is_streamed: bool = False
    stream_format: Literal["audio", "sse"] = "audio"
    delivery: Delivery = "base64"
    recording: bytes = b""
    message_id: str | None = None
    ignored: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its sender should know."""
        return (f"Not known here, and not used: {', '.join(self.ignored)}.",) if self.ignored else ()


async def receive_order(request: Request, max_bytes: int) -> Order:
    """Return the order that a request carries: a JSON object, or a form with a recording.

    Raises:
        RequestError: the body cannot be read, or a field cannot be used.
    """
    wants_audio = _wants_audio(request.headers.get("accept", ""))
    request_id: str = request.state.request_id
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        fields = await read_object(request, max_bytes)
        return read_order(fields, _inline_recording(fields), request_id, wants_audio=wants_audio)
    async with read_form(request, max_bytes + RECORDING_BYTES) as form:
        recording = await recording_of(form, RECORDING, RECORDING_BYTES)
        fields = {name: _typed(name, text_of(form, name)) for name in form if name != RECORDING or not recording}
        return read_order(fields, recording or _inline_recording(fields), request_id, wants_audio=wants_audio)


def read_order(
    fields: Mapping[str, Any], recording: bytes = b"", request_id: str = "", *, wants_audio: bool = False
) -> Order:
    """Return the order that fields make.

    Args:
        fields: as they were sent.
        recording: to speak like.
        request_id: name of the request.
        wants_audio: the client accepts audio, and no JSON.

    Raises:
        InvalidParameter: a field is missing, of the wrong type or outside its range.
        UnknownFormat: the format is none of ours.
    """
    source = read_text(fields, "source_lang") or AUTO
    translation = TranslationRequest(
        require_text(fields, "text"),
        require_text(fields, "target_lang"),
        None if source == AUTO else source,
        read_text(fields, "engine") or None,
        read_text(fields, "translation_model") or None,
        request_id=request_id,
    )
    stream_format = read_stream_format(fields)
    is_streamed = wants_audio or read_flag(fields, "stream") or stream_format == "sse"
    speaks = is_streamed or read_flag(fields, "enable_tts")
    return Order(
        translation,
        _speech(fields, translation, recording) if speaks else None,
        find_format((read_text(fields, "output_format") or "wav").lower()).name,
        is_streamed,
        stream_format,
        _delivery(fields),
        recording if speaks else b"",
        _message_id(fields),
        tuple(sorted(name[:80] for name in fields.keys() - FIELDS)),
    )


def _speech(fields: Mapping[str, Any], translation: TranslationRequest, recording: bytes) -> SpeechRequest:
    model = read_text(fields, "model") or None
    borrowed = None if recording else read_text(fields, RECORDING)
    return SpeechRequest(
        "",
        voice=borrowed or read_text(fields, "voice") or None,
        language=translation.target,
        engine=None if model in MODELS else model,
        speed=read_number(fields, "speed", 1.0),
        request_id=translation.request_id,
        parameters=_parameters(fields),
    )


def _parameters(fields: Mapping[str, Any]) -> tuple[tuple[str, Parameter], ...]:
    given = read_section(fields, "cloning_params")
    for name, value in given.items():
        if not isinstance(value, str | int | float | bool):
            raise wrong_value(f"cloning_params.{name}"[:80], value, "it must be a text, a number, true or false")
        if isinstance(value, float) and not math.isfinite(value):
            raise wrong_value(f"cloning_params.{name}"[:80], value, "it must be a finite number")
    return tuple(sorted(given.items()))


def _delivery(fields: Mapping[str, Any]) -> Delivery:
    match read_text(fields, "audio_delivery"):
        case None | "base64":
            return "base64"
        case "link":
            return "link"
        case other:
            raise wrong_value("audio_delivery", other, "it must be base64 or link")


def _message_id(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("message_id")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else read_text(fields, "message_id")


def _inline_recording(fields: Mapping[str, Any]) -> bytes:
    """Return the recording that `speaker_audio` holds as a data URL; any other text is a stored voice's name."""
    text = read_text(fields, RECORDING) or ""
    if not text.startswith("data:"):
        return b""
    head, _, body = text.partition(",")
    if not head.endswith(";base64"):
        raise InvalidParameter(f"{RECORDING} is no recording", "only base64 is read in a data URL", param=RECORDING)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AudioNotReadable(f"{RECORDING} is no recording", f"its base64 is broken: {error}",
                               param=RECORDING) from error  # fmt: skip


def _typed(name: str, text: str) -> Any:
    """Return a form's field as JSON would have it; a form has only texts."""
    if name not in (*FLAGS, *SECTIONS, *NUMBERS):
        return text
    if not text:
        return None
    try:
        return json.loads(text.lower() if name in FLAGS else text)
    except (ValueError, RecursionError):
        raise wrong_value(name, text, "it must be JSON") from None


def _wants_audio(accept: str) -> bool:
    """Tell whether a client accepts audio and did not name JSON before it."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    first = next((kind for kind in kinds if kind.startswith("audio/") or kind == "application/json"), "")
    return first.startswith("audio/")
