from __future__ import annotations

from collections.abc import AsyncGenerator

import numpy as np
import pytest

from portevoix.audio import AudioChunk
from portevoix.engine import Delivery
from portevoix.errors import EngineFailed
from portevoix.holding import deliver
from portevoix.speech import WordMark

RATE = 1000


def chunk(value: float, count: int, *marks: WordMark) -> AudioChunk:
    wave = np.resize(np.array([value, -value], np.float32), count)
    return AudioChunk(wave, RATE, marks)


def word(index: int, begin: float, end: float) -> WordMark:
    return WordMark(index, index + 1, begin, end)


async def source(*items: AudioChunk | Exception) -> AsyncGenerator[AudioChunk, None]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


async def heard(delivery: Delivery, *items: AudioChunk | Exception) -> tuple[list[AudioChunk], Exception | None]:
    chunks = []
    try:
        async for one in deliver(source(*items), delivery):
            chunks.append(one)
    except EngineFailed as error:
        return chunks, error
    return chunks, None


def lengths(chunks: list[AudioChunk]) -> list[int]:
    return [len(one.samples) for one in chunks]


async def test_frames_pass_at_once() -> None:
    chunks, _ = await heard(Delivery.FRAMES, chunk(0.1, 10), chunk(0.2, 20))
    assert lengths(chunks) == [10, 20]


async def test_words_leave_when_they_are_complete() -> None:
    chunks, _ = await heard(
        Delivery.WORDS, chunk(0.1, 100, word(0, 0, 0.15)), chunk(0.2, 100), chunk(0.3, 100, word(1, 0.15, 0.3))
    )
    assert lengths(chunks) == [150, 150]
    assert [mark.start for one in chunks for mark in one.marks] == [0, 1]


async def test_no_sample_is_lost_or_doubled() -> None:
    whole = [chunk(index / 100, 37, word(index, index * 0.037, index * 0.037 + 0.02)) for index in range(20)]
    chunks, _ = await heard(Delivery.WORDS, *whole)
    expected = np.concatenate([one.samples for one in whole])
    assert np.array_equal(np.concatenate([one.samples for one in chunks]), expected)
    assert [mark.start for one in chunks for mark in one.marks] == list(range(20))


async def test_a_failure_takes_back_the_unfinished_word_only() -> None:
    chunks, error = await heard(
        Delivery.WORDS, chunk(0.1, 100, word(0, 0, 0.08)), chunk(0.2, 30), EngineFailed("it broke")
    )
    assert lengths(chunks) == [80]
    assert error is not None


async def test_audio_without_words_leaves_at_the_end() -> None:
    chunks, _ = await heard(Delivery.WORDS, chunk(0.1, 100), chunk(0.2, 50))
    assert lengths(chunks) == [150]


async def test_a_sentence_leaves_whole_or_not_at_all() -> None:
    chunks, error = await heard(Delivery.SENTENCES, chunk(0.1, 100), EngineFailed("it broke"))
    assert chunks == []
    assert error is not None
    chunks, _ = await heard(Delivery.SENTENCES, chunk(0.1, 100), chunk(0.2, 50))
    assert lengths(chunks) == [100, 50]


@pytest.mark.parametrize("delivery", list(Delivery))
async def test_leaving_early_closes_the_source(delivery: Delivery) -> None:
    closed = []

    async def endless() -> AsyncGenerator[AudioChunk, None]:
        try:
            for index in range(3):
                yield chunk(0.1, 100, word(index, index * 0.1, index * 0.1 + 0.1))
        finally:
            closed.append(True)

    stream = deliver(endless(), delivery)
    await anext(stream)
    await stream.aclose()
    assert closed
