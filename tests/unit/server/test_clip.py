from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from portevoix.audio import AudioChunk
from portevoix.errors import StreamInterrupted, TextTooLong
from portevoix.server.clip import Clip
from portevoix.speaker import Speech
from portevoix.speech import Source, SpeechReport
from tests.virtual_time import virtual

RATE = 1000


def chunk(*, is_cached: bool, seconds: float = 0.1) -> AudioChunk:
    return AudioChunk(np.ones(round(seconds * RATE), np.float32), RATE, (), Source("alpha", "alpha-fr", is_cached))


FRESH, KNOWN = chunk(is_cached=False), chunk(is_cached=True)


class Script:
    """A speech whose chunks come after given seconds; an exception among them is raised."""

    def __init__(self, *steps: tuple[float, AudioChunk | Exception]) -> None:
        self.steps = list(steps)
        self.is_closed = False

    async def rest(self):
        try:
            while self.steps:
                seconds, step = self.steps.pop(0)
                await asyncio.sleep(seconds)
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            self.is_closed = True

    def clip(self, first: AudioChunk) -> Clip:
        return Clip(Speech(first, self.rest(), SpeechReport))


async def all_of(clip: Clip) -> list[AudioChunk]:
    return [one async for one in clip.chunks()]


@virtual
async def test_a_clip_from_the_cache_is_whole():
    clip = Script((0, KNOWN), (0, KNOWN)).clip(KNOWN)
    await clip.gather_known()
    assert clip.is_whole
    assert len(clip.gathered) == 3
    await clip.aclose()


@virtual
async def test_a_fresh_clip_waits_for_nothing_beyond_its_first_chunk():
    script = Script((0, FRESH), (0, FRESH))
    clip = script.clip(FRESH)
    await clip.gather_known()
    assert len(clip.gathered) == 1
    assert not clip.is_whole
    assert len(await all_of(clip)) == 3
    await clip.aclose()


@virtual
async def test_a_known_beginning_does_not_wait_for_a_fresh_end():
    clip = Script((0, KNOWN), (60, FRESH), (0, FRESH)).clip(KNOWN)
    await clip.gather_known()
    assert asyncio.get_running_loop().time() < 0.01
    assert len(clip.gathered) == 2
    assert len(await all_of(clip)) == 4
    await clip.aclose()


@virtual
async def test_a_very_long_clip_is_not_gathered():
    clip = Script(*[(0, chunk(is_cached=True, seconds=50))] * 9).clip(KNOWN)
    await clip.gather_known()
    assert not clip.is_whole
    assert len(clip.gathered) == 4
    await clip.aclose()


@virtual
async def test_who_needs_it_whole_gets_it_whole():
    clip = Script((1, FRESH), (1, FRESH)).clip(FRESH)
    await clip.gather_all()
    assert clip.is_whole
    assert len(clip.gathered) == 3
    await clip.aclose()


@virtual
async def test_who_needs_it_whole_cannot_have_hours():
    script = Script(*[(0, replace(FRESH, samples=np.ones(300 * RATE, np.float32)))] * 9)
    clip = script.clip(FRESH)
    with pytest.raises(TextTooLong, match="900 s"):
        await clip.gather_all()
    await clip.aclose()
    assert script.is_closed


@pytest.mark.parametrize("gathers", [True, False])
@virtual
async def test_a_failure_comes_after_what_was_before_it(gathers):
    clip = Script((0, KNOWN), (0, StreamInterrupted("x"))).clip(KNOWN)
    heard = []
    with pytest.raises(StreamInterrupted):
        if gathers:
            await clip.gather_known()
        async for one in clip.chunks():
            heard.append(one)
    await clip.aclose()
    assert gathers or len(heard) == 2


@pytest.mark.parametrize("first", [FRESH, KNOWN])
@virtual
async def test_closing_stops_the_work_wherever_it_is(first):
    script = Script((0, first), (60, first))
    clip = script.clip(first)
    await clip.gather_known()
    await clip.aclose()
    assert asyncio.get_running_loop().time() < 1
    assert script.is_closed or len(script.steps) == 2


@virtual
async def test_closing_stops_the_work_of_which_nothing_was_pulled():
    script = Script((0, FRESH), (60, FRESH))
    rest = script.rest()
    clip = Clip(Speech(await anext(rest), rest, SpeechReport))
    await clip.aclose()
    assert script.is_closed
