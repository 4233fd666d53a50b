"""`POST /v1/text-to-speech/{voice_id}` and its `/stream`, with or without the times of the characters."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request

from portevoix.server.body import read_object
from portevoix.server.clip import Clip
from portevoix.server.departure import while_present
from portevoix.server.elevenlabs.errors import detail_answer
from portevoix.server.elevenlabs.order import read_order, read_output
from portevoix.server.encoding import encode_through, run_encoder
from portevoix.server.headers import speech_headers
from portevoix.server.sending import begin_answer, end_answer, send_piece

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from portevoix.app import App
    from portevoix.server.elevenlabs.formats import OutputFormat
    from portevoix.server.order import Order
    from portevoix.server.queue import Queue

logger = logging.getLogger(__name__)

Sender = Callable[["Clip", "OutputFormat", Mapping[str, str], "Send"], Awaitable[None]]
"""Sends the headers and a clip, without the mark of the end."""


@dataclass(frozen=True, slots=True)
class Manner:
    """Say how a clip goes out.

    Attributes:
        is_stream: as it is spoken; else when it is complete.
        send_whole: sends what is there to its end.
        send_stream: sends what is still being spoken.
    """

    is_stream: bool
    send_whole: Sender
    send_stream: Sender


class ElevenLabsSpeech:
    """Speak a text that is there as a whole; errors and departures as in the server's own speech call."""

    def __init__(self, app: App, queue: Queue, manner: Manner) -> None:
        """Speak with `app`, in turns of `queue`."""
        self._app = app
        self._queue = queue
        self._manner = manner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            PortevoixError: refused, nobody could speak, or broken off in mid-answer.
        """
        scope["state"]["error_answer"] = detail_answer
        request = Request(scope, receive)
        output = read_output(request.query_params)
        fields = await read_object(request, self._app.settings.server.max_body_bytes)
        engines = [level.name for level in self._app.levels]
        order = read_order(fields, request.path_params["voice_id"], engines, request.state.request_id)
        if not await while_present(receive, self._answer(order, output, scope, send)):
            logger.info("speech.abandoned", extra={"request_id": order.request.request_id})

    async def _answer(self, order: Order, output: OutputFormat, scope: Scope, send: Send) -> None:
        speaker = self._app.speaker
        speaker.check(order.request)
        await speaker.cast(order.request, order.request.text)
        async with self._queue.turn(len(order.request.text)):
            speech = await speaker.open(order.request)
            async with aclosing(Clip(speech)) as clip:
                is_whole = not self._manner.is_stream or scope["http_version"] == "1.0"
                await (clip.gather_all() if is_whole else clip.gather_known())
                deliver = self._manner.send_whole if clip.is_whole else self._manner.send_stream
                facts = speech_headers(order, speech.report, is_whole=clip.is_whole, is_silent=clip.is_silent)
                await deliver(clip, output, facts, send)
        await end_answer(send)


async def encode_clip(clip: Clip, output: OutputFormat) -> bytes:
    """Return a clip whose every chunk was gathered, as a file with exact lengths."""

    def encode() -> bytes:
        writer = output.encoder(clip.sample_rate, is_file=True)
        return b"".join(writer.encode(chunk.samples) for chunk in clip.gathered) + writer.finish()

    return await run_encoder(encode, is_light=output.recipe is None)


async def _send_whole(clip: Clip, output: OutputFormat, facts: Mapping[str, str], send: Send) -> None:
    content = await encode_clip(clip, output)
    await begin_answer(send, {"Content-Type": output.media_type, **facts, "Content-Length": str(len(content))})
    await send_piece(send, content)


async def _send_stream(clip: Clip, output: OutputFormat, facts: Mapping[str, str], send: Send) -> None:
    make = partial(output.encoder, clip.sample_rate)
    await begin_answer(send, {"Content-Type": output.media_type, **facts})
    async with aclosing(encode_through(make, clip.chunks(), is_light=output.recipe is None)) as pieces:
        async for piece in pieces:
            await send_piece(send, piece)


CLIP = Manner(False, _send_whole, _send_stream)
STREAM = Manner(True, _send_whole, _send_stream)
