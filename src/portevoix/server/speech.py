"""`POST /v1/audio/speech`: OpenAI's speech API."""

from __future__ import annotations

import logging
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from portevoix.codecs import FORMATS
from portevoix.engine import parameters_of
from portevoix.remote.relay import RELAY_HEADER, refuse_loop
from portevoix.server.body import read_object
from portevoix.server.clip import Clip
from portevoix.server.departure import while_present
from portevoix.server.encoded import EncodedClips
from portevoix.server.encoding import encode_stream
from portevoix.server.events import done_event, encode_events
from portevoix.server.fresh import EVENT_STREAM
from portevoix.server.headers import speech_headers
from portevoix.server.order import Order, read_order
from portevoix.server.repeats import Repeats
from portevoix.server.sending import begin_answer, end_answer, send_piece

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.types import Receive, Scope, Send

    from portevoix.app import App
    from portevoix.audio import AudioChunk
    from portevoix.server.queue import Queue
    from portevoix.speaker import Speech
    from portevoix.speech import WordMark

logger = logging.getLogger(__name__)

CASTING_CHARACTERS = 1000
"""How much of a text is looked at to refuse, before it queues, what no engine could speak."""


class SpeechEndpoint:
    """Speak what a client orders.

    Status and headers wait for the first audible frame, so a failure before it is an ordinary error. A failure after
    it is raised, and whoever runs this application cuts the connection. A client that leaves ends the work.
    """

    def __init__(self, app: App, queue: Queue, repeats: Repeats | None = None) -> None:
        """Speak with `app`, in turns of `queue`; what was answered a moment ago is in `repeats`."""
        self._app = app
        self._queue = queue
        self._repeats = repeats or Repeats(app.events)
        self._encoded = EncodedClips()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            PortevoixError: refused, nobody could speak, or broken off in mid-answer.
        """
        request = Request(scope, receive)
        fields = await read_object(request, self._app.settings.server.max_body_bytes)
        order = self._read(fields, request.state.request_id)
        if mark := request.headers.get(RELAY_HEADER, ""):
            refuse_loop((level.engine for level in self._app.levels), mark)
            order = replace(order, request=replace(order.request, is_relayed=True))
        if (repeat := self._repeats.find(order)) is not None:
            self._queue.count(len(order.request.text))
            await self._repeats.send(repeat, order, send)
            return
        if not await while_present(receive, self._answer(order, scope, send)):
            logger.info("speech.abandoned", extra={"request_id": order.request.request_id})

    def _read(self, fields: Mapping[str, Any], request_id: str) -> Order:
        levels = self._app.levels
        followers = [level.name for level in levels if "instructions" in parameters_of(level.engine)]
        return read_order(fields, [level.name for level in levels], request_id, followers)

    async def _answer(self, order: Order, scope: Scope, send: Send) -> None:
        speaker = self._app.speaker
        speaker.check(order.request)
        await speaker.cast(order.request, order.request.text[:CASTING_CHARACTERS])
        async with self._queue.turn(len(order.request.text)):
            speech = await speaker.open(order.request)
            async with aclosing(Clip(speech)) as clip:
                # Only a chunked answer shows where it was cut, and HTTP/1.0 has none.
                await (clip.gather_all() if scope["http_version"] == "1.0" else clip.gather_known())
                is_lent = speaker.borrowed(order.request).reference is not None
                answer = _Answer(order, speech, clip, self._encoded, None if is_lent else self._repeats)
                await (answer.send_events(send) if order.stream_format == "sse" else answer.send_audio(send))
        await end_answer(send)


class _Answer:
    """Send one clip, as soon as its first audible frame is there."""

    def __init__(
        self, order: Order, speech: Speech, clip: Clip, encoded: EncodedClips, repeats: Repeats | None
    ) -> None:  # fmt: skip
        """Answer `order` with `clip`; what may be given again is kept in `repeats`."""
        self._order = order
        self._repeats = repeats
        self._speech = speech
        self._clip = clip
        self._encoded = encoded
        self._words: list[WordMark] = []

    async def send_audio(self, send: Send) -> None:
        """Send the bytes of the format: a file of known length where all of the audio is there, else a stream."""
        headers = self._headers(FORMATS[self._order.format_name].media_type)
        if self._clip.is_whole:
            content = await self._whole()
            headers["Content-Length"] = str(len(content))
            report = self._speech.report
            if self._repeats is not None and report.is_cached and not report.is_degraded:
                self._repeats.keep(self._order, headers, content, report)
            await begin_answer(send, headers)
            await send_piece(send, content)
            return
        await begin_answer(send, headers)
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                await send_piece(send, piece)

    async def send_events(self, send: Send) -> None:
        """Send the same bytes as events, and at the end what happened on the way."""
        await begin_answer(send, self._headers(EVENT_STREAM))
        async with aclosing(encode_events(self._pieces(), self._take_words)) as events:
            async for event in events:
                await send_piece(send, event)
        await send_piece(send, done_event(self._order.request.text, self._speech.report))

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of the format, with exact lengths inside where all of the audio is there."""
        if self._clip.is_whole:
            for chunk in self._clip.gathered:
                self._note(chunk)
            yield await self._whole()
            return
        encoding = encode_stream(self._order.format_name, self._clip.sample_rate, self._chunks())
        async with aclosing(encoding) as pieces:
            async for piece in pieces:
                yield piece

    async def _chunks(self) -> AsyncGenerator[AudioChunk, None]:
        """Yield the audio, and note when its words are heard."""
        async with aclosing(self._clip.chunks()) as chunks:
            async for chunk in chunks:
                self._note(chunk)
                yield chunk

    def _note(self, chunk: AudioChunk) -> None:
        if self._order.tells_words:
            self._words += chunk.marks

    def _take_words(self) -> list[WordMark]:
        """Return the words whose times became known since it was asked last."""
        taken, self._words = self._words, []
        return taken

    async def _whole(self) -> bytes:
        return await self._encoded.encode(self._order.format_name, self._clip.sample_rate, self._clip.gathered)

    def _headers(self, media_type: str) -> dict[str, str]:
        clip = self._clip
        facts = speech_headers(self._order, self._speech.report, is_whole=clip.is_whole, is_silent=clip.is_silent)
        return {"Content-Type": media_type, **facts}
