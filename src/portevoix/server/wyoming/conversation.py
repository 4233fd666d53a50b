"""One Wyoming client: events in, audio out."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import ExitStack, aclosing, suppress
from typing import TYPE_CHECKING

from portevoix.codecs import to_int16
from portevoix.errors import NothingToSay, Overloaded, PortevoixError, TextTooLong
from portevoix.server.dictation import Dictation
from portevoix.server.errors import error_body
from portevoix.server.fields import read_text, require_text
from portevoix.server.wyoming.info import describe
from portevoix.server.wyoming.order import is_ssml, plain_text, read_request
from portevoix.server.wyoming.wire import Event, read_event, write_event
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from portevoix.audio import AudioChunk
    from portevoix.server.queue import Queue
    from portevoix.server.stage import Stage

logger = logging.getLogger(__name__)

MAX_WAITING = 16
"""Most texts of one client that wait until those before them have been spoken."""

MAX_SSML_CHARACTERS = 1_000_000
MEETING_SECONDS = 0.5
"""How long the list of voices waits for engines that know theirs only once they are loaded: Home Assistant gives up
after a second, and would show no voice at all."""

SAMPLE_BYTES = 2
CHUNK_SAMPLES = 16_384


class Text:
    """Take one text, whole or in pieces, and say what became of it.

    Attributes:
        visit: keeps the app that speaks it from being closed; to be closed after the text.
        is_stream: it was begun by `synthesize-start`.
    """

    def __init__(self, dictation: Dictation, visit: ExitStack, *, is_stream: bool, is_ssml: bool) -> None:
        self.dictation = dictation
        self.visit = visit
        self.is_stream = is_stream
        self._is_ssml = is_ssml
        self._parts: list[str] = []
        self._count = 0

    def write(self, text: str) -> None:
        """Take the next part; SSML is kept until all of it is there.

        Raises:
            TextTooLong: all of it together is longer than the limit.
            Overloaded: it is more than the client may ask for in a minute.
        """
        if not self._is_ssml:
            self.dictation.write(text)
            return
        self._parts.append(text)
        self._count += len(text)
        if self._count > MAX_SSML_CHARACTERS:
            raise TextTooLong("the SSML is too long", f"the limit is {MAX_SSML_CHARACTERS} characters", param="text")

    def end(self) -> None:
        """Take no more."""
        if self._is_ssml:
            self.dictation.write(plain_text("".join(self._parts)))
        self.dictation.end()


class Conversation:
    """Serve one connection until the client leaves or something cannot be spoken.

    Events are read while speech is under way, so that the client's leaving ends the work, and questions are answered.
    Texts are spoken one after another. What cannot be spoken is told by an `error`, after which the connection is
    closed: clients that do not know the event see that nothing more will come.
    """

    def __init__(self, stage: Stage, queue: Queue, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with what is on `stage`, in turns of `queue`; the caller closes `writer`."""
        self._stage = stage
        self._queue = queue
        self._reader = reader
        self._writer = writer
        self._texts: asyncio.Queue[Text | None] = asyncio.Queue(MAX_WAITING)
        self._open: Text | None = None
        self._is_speaking = False
        self.request_id = uuid.uuid4().hex[:16]

    async def run(self) -> None:
        """Serve the connection to its end."""
        speaking = asyncio.create_task(self._speak_all(), name="wyoming speech")
        listening = asyncio.create_task(self._listen(), name="wyoming events")
        try:
            await asyncio.wait({speaking, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = [task for task in (speaking, listening) if task.done()]
            await end_tasks(speaking, listening)
            self._drop_texts()
        for task in ended:
            await self._tell(task.exception())

    @property
    def is_busy(self) -> bool:
        """Return whether a text is being taken, waits or is being spoken."""
        return self._is_speaking or self._open is not None or not self._texts.empty()

    def _drop_texts(self) -> None:
        while not self._texts.empty():
            if (text := self._texts.get_nowait()) is not None:
                text.visit.close()

    def stop(self) -> None:
        """End once the texts that are here have been spoken."""
        with suppress(asyncio.QueueFull):
            self._texts.put_nowait(None)

    async def _listen(self) -> None:
        max_bytes = self._stage.app.settings.server.max_body_bytes
        while (event := await read_event(self._reader, max_bytes)) is not None:
            await self._take(event)

    async def _take(self, event: Event) -> None:
        match event.type:
            case "describe":
                with self._stage.visit() as app:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(app.chain.meet(), MEETING_SECONDS)
                    await self._send(describe(app.levels))
            case "ping":
                await self._send(Event("pong", {"text": read_text(event.data, "text")}))
            case "synthesize" if self._open is None:
                text = self._begin(event, is_stream=False)
                text.write(require_text(event.data, "text"))
                text.end()
            case "synthesize-start":
                self._end()
                self._open = self._begin(event, is_stream=True)
            case "synthesize-chunk" if self._open is not None:
                self._open.write(require_text(event.data, "text"))
            case "synthesize-stop":
                self._end()
            case _:  # a copy for servers that cannot stream, or an event of a later version
                pass

    def _begin(self, event: Event, *, is_stream: bool) -> Text:
        request = read_request(event.data, self.request_id)
        visit = ExitStack()
        dictation = Dictation(visit.enter_context(self._stage.visit()), self._queue, request)
        text = Text(dictation, visit, is_stream=is_stream, is_ssml=is_ssml(event.data))
        try:
            self._texts.put_nowait(text)
        except asyncio.QueueFull:
            visit.close()
            raise Overloaded("the text is refused", f"{MAX_WAITING} others of this client wait") from None
        return text

    def _end(self) -> None:
        if self._open is not None:
            text, self._open = self._open, None
            text.end()

    async def _speak_all(self) -> None:
        while (text := await self._texts.get()) is not None:
            self._is_speaking = True
            with text.visit:
                await self._speak(text)
            self._is_speaking = False

    async def _speak(self, text: Text) -> None:
        has_begun = False
        async with aclosing(text.dictation.chunks()) as chunks:
            async for chunk in chunks:
                if not has_begun:
                    await self._send(Event("audio-start", _format(chunk)))
                    has_begun = True
                await self._send_audio(chunk)
        if has_begun:
            await self._send(Event("audio-stop"))
        elif not text.is_stream:
            raise NothingToSay("there is nothing to say", "the text has no letter and no digit", param="text")
        if text.is_stream:
            await self._send(Event("synthesize-stopped"))

    async def _send_audio(self, chunk: AudioChunk) -> None:
        samples = to_int16(chunk.samples)
        for start in range(0, len(samples), CHUNK_SAMPLES):
            payload = samples[start : start + CHUNK_SAMPLES].tobytes()
            await self._send(Event("audio-chunk", _format(chunk), payload))

    async def _send(self, event: Event) -> None:
        self._writer.write(write_event(event))
        try:
            async with asyncio.timeout(self._stage.app.settings.server.send_timeout_seconds):
                await self._writer.drain()
        except TimeoutError as error:
            raise ConnectionAbortedError("the client takes nothing") from error

    async def _tell(self, error: BaseException | None) -> None:
        """Tell the client why nothing more will come; a client that has left is not told."""
        if error is None or isinstance(error, ConnectionError):
            return
        known = error_body(error)["error"]
        facts = {"request_id": self.request_id, "code": known["code"]}
        if isinstance(error, PortevoixError):
            logger.warning("wyoming.failed", extra={**facts, "why": str(error)})
        else:
            logger.error("wyoming.crashed", extra=facts, exc_info=error)
        with suppress(ConnectionError):
            await self._send(Event("error", {"text": known["message"], "code": known["code"]}))


def _format(chunk: AudioChunk) -> dict[str, int]:
    return {"rate": chunk.sample_rate, "width": SAMPLE_BYTES, "channels": 1}
