"""The routes of translation."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from portevoix.clock import system_clock
from portevoix.codecs import FORMATS
from portevoix.errors import PortevoixError
from portevoix.server.clip import Clip
from portevoix.server.departure import while_present
from portevoix.server.encoding import encode_stream, encode_whole
from portevoix.server.fresh import EVENT_STREAM, FRESH, fresh_answer
from portevoix.server.headers import speech_headers
from portevoix.server.order import Order as SpeechOrder
from portevoix.server.ranges import ranged_answer
from portevoix.server.sending import begin_answer, end_answer, send_piece
from portevoix.server.translation.answer import (
    describe_missing_speech,
    describe_speech,
    describe_translation,
    embedded,
    translation_headers,
)
from portevoix.server.translation.interpretation import Spoken, prepare, speak_along, translate_and_speak
from portevoix.server.translation.languages import describe_languages
from portevoix.server.translation.links import Links
from portevoix.server.translation.live import LiveTranslation
from portevoix.server.translation.order import receive_order

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from portevoix.app import App
    from portevoix.server.queue import Queue
    from portevoix.server.translation.order import Order

logger = logging.getLogger(__name__)

MEGABYTE = 1_000_000
SURVEY_PATIENCE_SECONDS = 5.0


class TranslationEndpoint:
    """Answer `POST /translate`: a JSON object, or the audio itself where that is asked for.

    A client that leaves ends the work.
    """

    def __init__(self, app: App, queue: Queue, links: Links) -> None:
        """Translate and speak with `app`, in turns of `queue`; what is asked for by link waits in `links`."""
        self._app = app
        self._queue = queue
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            PortevoixError: refused, nobody could translate, or, where audio was asked for, nobody could speak.
        """
        order = await receive_order(Request(scope, receive), self._app.settings.server.max_body_bytes)
        if not await while_present(receive, self._answer(order, scope, receive, send)):
            logger.info("translation.abandoned", extra={"request_id": order.translation.request_id})

    async def _answer(self, order: Order, scope: Scope, receive: Receive, send: Send) -> None:
        self._app.translator.check(order.translation)
        async with self._queue.turn(len(order.translation.text)):
            if order.is_streamed:
                await self._stream(order, scope, send)
                return
            answer = await self._whole(order)
        await fresh_answer(answer)(scope, receive, send)

    async def _whole(self, order: Order) -> dict[str, Any]:
        began = system_clock()
        rendering = await self._app.translator.open(order.translation)
        translation, speech = await translate_and_speak(self._app, rendering, order)
        answer = describe_translation(translation, order)
        answer["speech"] = None if speech is None else await self._describe(speech, order)
        answer["times"]["total_seconds"] = round(system_clock() - began, 4)
        return answer

    async def _describe(self, speech: Spoken | PortevoixError, order: Order) -> dict[str, Any]:
        if isinstance(speech, PortevoixError):
            return describe_missing_speech(speech)
        try:
            content = await encode_whole(order.format_name, speech.sample_rate, speech.chunks)
        except PortevoixError as error:
            return describe_missing_speech(error)
        media_type = FORMATS[order.format_name].media_type
        told = describe_speech(speech, order, media_type)
        token = self._links.add(content, media_type) if order.delivery == "link" else None
        if token is None:
            return {**told, "audio": embedded(content)}
        return {**told, "url": f"/translate/speech/{token}", "expires_seconds": self._links.seconds}

    async def _stream(self, order: Order, scope: Scope, send: Send) -> None:
        """Send the audio as it is made; status and headers wait for the first audible frame."""
        request = await prepare(self._app, order)
        rendering = await self._app.translator.open(order.translation)
        speech = await speak_along(self._app, rendering, request)
        async with aclosing(Clip(speech)) as clip:
            await (clip.gather_all() if scope["http_version"] == "1.0" else clip.gather_known())
            facts = speech_headers(SpeechOrder(request, order.format_name), speech.report, is_whole=clip.is_whole,
                                   is_silent=clip.is_silent)  # fmt: skip
            is_told = order.stream_format == "sse"
            headers = {"Content-Type": EVENT_STREAM if is_told else FORMATS[order.format_name].media_type, **facts,
                       **translation_headers(rendering.report, order), **FRESH}  # fmt: skip
            await begin_answer(send, headers)
            sent = (LiveTranslation(rendering, speech, clip, order).events() if is_told else
                    encode_stream(order.format_name, clip.sample_rate, clip.chunks()))  # fmt: skip
            async with aclosing(sent) as pieces:
                async for piece in pieces:
                    await send_piece(send, piece)
        await end_answer(send)


def make_links(app: App) -> Links:
    """Return links that work for as long as the settings say."""
    wanted = app.settings.translation
    return Links(wanted.link_seconds, int(wanted.link_max_mb * MEGABYTE))


class TranslationDesk:
    """Answer for what can be translated, and give out speech behind links."""

    def __init__(self, app: App, queue: Queue, links: Links) -> None:
        """Answer for `app`; translations take turns in `queue`; `links` may be those of an app before."""
        self._app = app
        self._queue = queue
        self._links = links

    def routes(self) -> list[Route]:
        """Return the routes."""
        endpoint = TranslationEndpoint(self._app, self._queue, self._links)
        return [
            Route("/translate", endpoint, methods=["POST"]),
            Route("/translate/languages", self.languages),
            Route("/translate/speech/{token}", self.speech),
        ]

    async def languages(self, _: Request) -> Response:
        """Return what can be done now: what is listed and does not work is found out first, as far as time allows."""
        translator = self._app.translator
        await translator.load()
        survey = translator.begin_survey()
        await asyncio.wait({survey}, timeout=SURVEY_PATIENCE_SECONDS)
        return fresh_answer({**describe_languages(translator), "surveyed": survey.done()})

    async def speech(self, request: Request) -> Response:
        """Return the audio behind a link, or a part of it."""
        waiting = self._links.find(request.path_params["token"])
        return ranged_answer(request, waiting.content, waiting.media_type, {"Cache-Control": "private, no-store"})
