"""The calls of Piper's own HTTP server: `POST /synthesize` and `GET /voices`."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from portevoix.codecs import FORMATS
from portevoix.server.body import kind_of, read_object, read_text_body
from portevoix.server.clip import Clip
from portevoix.server.departure import while_present
from portevoix.server.encoded import EncodedClips
from portevoix.server.fields import read_number, read_speaker, read_text, require_text, wrong_value
from portevoix.server.fresh import fresh_answer
from portevoix.server.headers import speech_headers
from portevoix.server.listing import list_voices
from portevoix.server.order import Order
from portevoix.speech import SpeechRequest, language_family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from portevoix.app import App
    from portevoix.server.queue import Queue

logger = logging.getLogger(__name__)

FIELDS = frozenset({"text", "voice", "speaker", "speaker_id", "length_scale"})
SCALES = ("noise_scale", "noise_w_scale", "length_w_scale")
"""Read, and of no effect: the voices' own settings are used."""


class PiperSynthesis:
    """Answer `POST /synthesize` with a complete WAV, its sizes exact."""

    def __init__(self, app: App, queue: Queue) -> None:
        """Speak with `app`, in turns of `queue`."""
        self._app = app
        self._queue = queue
        self._encoded = EncodedClips()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            PortevoixError: refused, or nobody could speak all of it.
        """
        request = Request(scope, receive)
        order = read_piper_order(await self._fields(request), request.state.request_id)
        if not await while_present(receive, self._answer(order, scope, receive, send)):
            logger.info("speech.abandoned", extra={"request_id": order.request.request_id})

    async def _fields(self, request: Request) -> dict[str, Any]:
        """Return the fields of the body; plain text is what Piper's older servers took."""
        max_bytes = self._app.settings.server.max_body_bytes
        if kind_of(request.headers.get("content-type", "")) == "text/plain":
            return {"text": await read_text_body(request, max_bytes)}
        return await read_object(request, max_bytes)

    async def _answer(self, order: Order, scope: Scope, receive: Receive, send: Send) -> None:
        self._app.speaker.check(order.request)
        async with self._queue.turn(len(order.request.text)):
            speech = await self._app.speaker.open(order.request)
            async with aclosing(Clip(speech)) as clip:
                await clip.gather_all()
                headers = speech_headers(order, speech.report, is_whole=True, is_silent=clip.is_silent)
                content = await self._encoded.encode(order.format_name, clip.sample_rate, clip.gathered)
        media_type = FORMATS[order.format_name].media_type
        await Response(content, media_type=media_type, headers=headers)(scope, receive, send)


class PiperVoices:
    """Answer `GET /voices`."""

    def __init__(self, app: App) -> None:
        """Answer for `app`."""
        self._app = app

    async def show(self, _: Request) -> Response:
        """Return the voices that are on this machine, by name, with what is known of their configuration."""
        await self._app.chain.meet()
        voices = [voice for voice in list_voices(self._app.levels) if voice["installed"] and voice["language"]]
        return fresh_answer({voice["id"]: _configuration(voice) for voice in voices})


def piper_routes(app: App, queue: Queue) -> list[Route]:
    """Return the routes of Piper's own server; its older versions took the text at `/`."""
    synthesis = PiperSynthesis(app, queue)
    return [
        Route("/synthesize", synthesis, methods=["POST"]),
        Route("/", synthesis, methods=["POST"]),
        Route("/voices", PiperVoices(app).show),
    ]


def read_piper_order(fields: Mapping[str, Any], request_id: str = "") -> Order:
    """Return the order that the fields of Piper's request make.

    Raises:
        InvalidParameter: a field is missing, of the wrong type or outside its range.
    """
    for name in SCALES:
        read_number(fields, name, 1.0)
    speaker = read_speaker(fields, "speaker_id")
    request = SpeechRequest(
        require_text(fields, "text"),
        voice=read_text(fields, "voice") or None,
        speed=_speed(fields),
        speaker=read_speaker(fields) if speaker is None else speaker,
        request_id=request_id,
    )
    return Order(request, "wav", ignored=tuple(sorted(set(fields) - FIELDS)))


def _speed(fields: Mapping[str, Any]) -> float:
    """Return the pace for Piper's `length_scale`, which grows as the speech slows down."""
    scale = read_number(fields, "length_scale", 1.0)
    if not 0.25 <= scale <= 4:  # noqa: PLR2004 - the bounds of `SPEED_RANGE`, turned round
        raise wrong_value("length_scale", scale, "it must be a number from 0.25 to 4")
    return 1 / scale


def _configuration(voice: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Piper's clients look for in a voice's configuration."""
    code = voice["language"].replace("-", "_")
    return {
        "audio": {"sample_rate": voice["sample_rate"]},
        "espeak": {"voice": voice["language"].lower()},
        "language": {"code": code, "family": language_family(code)},
        "num_speakers": max(1, len(voice["speakers"])),
        "speaker_id_map": {name: number for number, name in enumerate(voice["speakers"])},
    }
