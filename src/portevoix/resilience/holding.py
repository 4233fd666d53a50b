"""Hold audio back until it ends at a boundary, so that another engine can go on there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np

from portevoix.audio import AudioChunk
from portevoix.engine import Delivery
from portevoix.speech import WordMark


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
    """Pass audio on up to the end of the last word that is complete; the rest follows when the source has ended."""
    held = _Held()
    async with aclosing(source):
        async for chunk in source:
            held.add(chunk)
            if (ready := held.take(held.complete_samples())) is not None:
                yield ready
    if (ready := held.take(held.length)) is not None:
        yield ready


async def whole_sentence(source: AsyncGenerator[AudioChunk, None]) -> AsyncGenerator[AudioChunk, None]:
    """Pass nothing on before the source has ended."""
    async with aclosing(source):
        chunks = [chunk async for chunk in source]
    for chunk in chunks:
        yield chunk


class _Held:
    """Keep audio that has not left, and the marks that have not been told."""

    def __init__(self) -> None:
        self._samples: list[np.ndarray] = []
        self._marks: list[WordMark] = []
        self._left = 0
        self.length = 0
        self._rate = 0

    def add(self, chunk: AudioChunk) -> None:
        self._rate = chunk.sample_rate
        self._samples.append(chunk.samples)
        self._marks.extend(chunk.marks)
        self.length += len(chunk.samples)

    def complete_samples(self) -> int:
        """Return how many of the held samples end with a whole word."""
        produced = self._left + self.length
        ends = [round(mark.end_seconds * self._rate) for mark in self._marks]
        return max((end for end in ends if end <= produced), default=self._left) - self._left

    def take(self, count: int) -> AudioChunk | None:
        if count <= 0 or not self._samples:
            return None
        samples = np.concatenate(self._samples)
        ready, rest = samples[:count], samples[count:]
        self._samples, self.length = ([rest] if len(rest) else []), len(rest)
        self._left += count
        limit = self._left / self._rate + 0.5 / self._rate
        told = tuple(mark for mark in self._marks if mark.end_seconds <= limit or not len(rest))
        self._marks = [mark for mark in self._marks if mark not in told]
        return AudioChunk(ready, self._rate, told)
