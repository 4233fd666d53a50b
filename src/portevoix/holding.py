"""Hold audio back until it ends at a boundary, so that another engine can go on there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np

from portevoix.audio import AudioChunk
from portevoix.dsp.loudness import is_audible
from portevoix.engine import Delivery
from portevoix.errors import EngineSilent
from portevoix.speech import WordMark

SHORTEST_SILENT_WORD_SECONDS = 0.08
"""A word shorter than this may be without a sound of its own: engines mark clitics so."""


async def deliver(source: AsyncGenerator[AudioChunk, None], delivery: Delivery) -> AsyncGenerator[AudioChunk, None]:
    """Pass the chunks of one utterance on in the units of `delivery`; owns and closes `source`.

    When `source` fails, what was held back is dropped: nothing that left has to be taken back.
    """
    if delivery is Delivery.FRAMES:
        stream = source
    elif delivery is Delivery.WORDS:
        stream = whole_words(source)
    else:
        stream = whole_sentence(source)
    async with aclosing(stream):
        async for chunk in stream:
            yield chunk


async def whole_words(source: AsyncGenerator[AudioChunk, None]) -> AsyncGenerator[AudioChunk, None]:
    """Pass audio on up to the end of the last word that is complete; the rest follows when the source has ended.

    Raises:
        EngineSilent: a word has no sound in it, so the engine has fallen silent; the word does not leave.
    """
    held = _Held()
    async with aclosing(source):
        async for chunk in source:
            held.add(chunk)
            for word in held.complete_words():
                yield word
    if (rest := held.take(held.length)) is not None:
        yield rest


async def whole_sentence(source: AsyncGenerator[AudioChunk, None]) -> AsyncGenerator[AudioChunk, None]:
    """Pass nothing on before the source has ended."""
    async with aclosing(source):
        chunks = [chunk async for chunk in source]
    for chunk in chunks:
        yield chunk


class _Held:
    """Keep audio that has not left, and the marks that have not been told."""

    def __init__(self) -> None:
        self._samples = np.zeros(0, np.float32)
        self._marks: list[WordMark] = []
        self._left = 0
        self._rate = 0

    @property
    def length(self) -> int:
        """Samples that have not left."""
        return len(self._samples)

    def add(self, chunk: AudioChunk) -> None:
        """Keep a chunk."""
        self._rate = chunk.sample_rate
        self._samples = np.concatenate([self._samples, chunk.samples])
        self._marks.extend(chunk.marks)

    def complete_words(self) -> list[AudioChunk]:
        """Take the words that are there to their end."""
        words = []
        while self._marks:
            count = round(self._marks[0].end_seconds * self._rate) - self._left
            if count > self.length:
                break
            mark = self._marks.pop(0)
            if (word := self.take(count, mark)) is not None:
                words.append(word)
        return words

    def take(self, count: int, mark: WordMark | None = None) -> AudioChunk | None:
        """Take the next samples; a word among them must be heard."""
        samples, self._samples = self._samples[: max(0, count)], self._samples[max(0, count) :]
        self._left += len(samples)
        if mark is None:
            marks, self._marks = tuple(self._marks), []
        else:
            marks = (mark,)
            if len(samples) > SHORTEST_SILENT_WORD_SECONDS * self._rate and not is_audible(samples):
                raise EngineSilent("the engine fell silent", "a word has no sound in it")
        return AudioChunk(samples, self._rate, marks) if len(samples) or marks else None
