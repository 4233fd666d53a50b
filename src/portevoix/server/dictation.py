"""A text that is spoken while it is still being written."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from portevoix.audio import AudioChunk
from portevoix.dsp.resample import Resampler
from portevoix.errors import NothingToSay, TextTooLong
from portevoix.speech import SpeechReport
from portevoix.text.sentences import SentenceSplitter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.app import App
    from portevoix.server.queue import Queue
    from portevoix.speaker import Speech
    from portevoix.speech import SpeechRequest, WordMark


class Dictation:
    """Speak each sentence as soon as it is certain; used from one event loop.

    A turn of the queue is held only while there is something to say: whoever pauses in mid-text keeps nobody waiting.

    Attributes:
        sample_rate: Hz of all chunks; None until the first of them where nobody asked for one.
        seconds: how much has been spoken.
        is_speaking: a turn is held or waited for.
    """

    def __init__(self, app: App, queue: Queue, request: SpeechRequest, sample_rate: int | None = None) -> None:
        """Speak with `app`, in turns of `queue`, as `request` says, whose text is not looked at."""
        self.sample_rate = sample_rate
        self.seconds = 0.0
        self.is_speaking = False
        self._speaker = app.speaker
        self._queue = queue
        self._request = replace(request, text="")
        self._splitter = SentenceSplitter(app.speaker.settings.max_piece_length)
        self._sentences: deque[str] = deque()
        self._news = asyncio.Event()
        self._is_ended = False
        self._is_cast = False
        self._speech: Speech | None = None
        self._count_written = 0
        self._count_marked = 0

    @property
    def report(self) -> SpeechReport:
        """Return what happened in the part that was spoken last."""
        return SpeechReport() if self._speech is None else self._speech.report

    def write(self, text: str) -> None:
        """Take the next part of the text.

        Raises:
            TextTooLong: all of it together is longer than the limit.
            Overloaded: it is more than the client may ask for in a minute.
        """
        self._queue.charge(len(text))
        self._count_written += len(text)
        limit = self._speaker.settings.max_text_length
        if limit and self._count_written > limit:
            hint = "Begin another text, or raise server.max_text_length (0: no limit)."
            raise TextTooLong(f"the text has over {limit} characters", "that is the limit", hint, param="text")
        self._take(self._splitter.feed(text))

    def flush(self) -> None:
        """Speak what was written, though the sentence may not be complete."""
        self._take(self._splitter.finish())

    def end(self) -> None:
        """Speak what was written, and end."""
        self._is_ended = True
        self.flush()

    async def chunks(self) -> AsyncGenerator[AudioChunk, None]:
        """Yield the audio; marks count from the beginning of the dictation.

        Raises:
            PortevoixError: as `Speaker.open`; never because a part has nothing to say.
        """
        while await self._has_more():
            self.is_speaking = True
            try:
                async with aclosing(self._passage()) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except NothingToSay:
                continue
            finally:
                self.is_speaking = False

    def _take(self, pieces: list[str]) -> None:
        self._sentences.extend(piece for piece in pieces if piece.strip())
        self._news.set()

    async def _has_more(self) -> bool:
        """Wait for a sentence; return False when there will be none."""
        while not self._sentences and not self._is_ended:
            self._news.clear()
            await self._news.wait()
        return bool(self._sentences)

    async def _passage(self) -> AsyncGenerator[AudioChunk, None]:
        """Speak what is there, and what is written meanwhile, until the writer is behind."""
        await self._cast()
        async with self._queue.turn():
            self._speech = speech = await self._speaker.open(self._request, self._written())
            self.sample_rate = self.sample_rate or speech.sample_rate
            resampler = Resampler(speech.sample_rate, self.sample_rate)
            began, first_character = self.seconds, self._count_marked
            async with aclosing(speech.__aiter__()) as chunks:
                async for chunk in chunks:
                    marks = tuple(mark.moved(first_character, began) for mark in chunk.marks)
                    yield self._count(replace(chunk, samples=resampler.push(chunk.samples), marks=marks))
            tail = resampler.flush()
            if len(tail):
                yield self._count(AudioChunk(tail, self.sample_rate, source=chunk.source))

    async def _written(self) -> AsyncGenerator[str, None]:
        while self._sentences:
            yield f"{self._sentences.popleft()} "  # what a flush parted does not grow together again

    async def _cast(self) -> None:
        """Choose voice and language by the first sentence, for all of them."""
        if self._is_cast:
            return
        self._speaker.check(self._request, is_text_complete=False)
        _, voice, language = await self._speaker.cast(self._request, self._sentences[0])
        self._request = replace(self._request, voice=f"{voice.engine}:{voice.name}", language=language)
        self._is_cast = True

    def _count(self, chunk: AudioChunk) -> AudioChunk:
        assert self.sample_rate is not None  # noqa: S101 - set before the first chunk
        self.seconds += len(chunk.samples) / self.sample_rate
        self._count_marked = _after(chunk.marks, self._count_marked)
        return replace(chunk, sample_rate=self.sample_rate)


def _after(marks: tuple[WordMark, ...], count: int) -> int:
    """Return a character's index that is not adjacent to any word so far."""
    return max([count, *(mark.end + 1 for mark in marks)])
