"""When words are heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from portevoix.errors import EngineDied
from portevoix.text.spoken_words import SpokenWord
from portevoix.text.word_times import WordTimes, in_background

LENGTHS = np.array([100, 200, 300, 400])


async def test_words_are_told_once_their_end_is_known() -> None:
    async def find() -> Sequence[SpokenWord]:
        return SpokenWord(0, 2, 0, 2), SpokenWord(3, 5, 0, 4)

    with in_background(find) as words:
        times = WordTimes(words, 0, 1000, 1.0)
        marks = [*await times.learn(LENGTHS[:3]), *await times.learn(LENGTHS[3:])]
    assert [(mark.start_seconds, mark.end_seconds) for mark in marks] == [(1.0, 1.3), (1.3, 2.0)]


async def test_speech_does_without_words_that_cannot_be_found() -> None:
    async def find() -> Sequence[SpokenWord]:
        raise EngineDied("the phonemizer failed")

    with in_background(find) as words:
        assert await WordTimes(words, 0, 1000, 0.0).learn(LENGTHS) == ()


async def test_who_stops_listening_stops_the_search() -> None:
    searching = asyncio.Event()

    async def find() -> Sequence[SpokenWord]:
        searching.set()
        await asyncio.Event().wait()
        return ()

    with in_background(find) as words:
        await searching.wait()
    assert isinstance(words, asyncio.Task)
    await asyncio.wait({words})
    assert words.cancelled()
