"""Levels whose engines come and go in memory."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from portevoix.engine import Phase
from portevoix.errors import EngineLoading
from portevoix.level import VOICE_LOADING_SECONDS, Level
from portevoix.level_settings import LevelSettings
from portevoix.rooms.residency import MemoryShort, Residency, ResidencyLimits
from portevoix.speech import Utterance
from tests.scripted import ScriptedEngine
from tests.virtual_time import virtual


class Heavy(ScriptedEngine):
    """A scripted engine that is loaded and unloaded."""

    device = "cpu"
    needed_bytes = 600

    def __init__(self, name, **options):
        super().__init__(name, phase=Phase.IDLE, load_seconds=3, seconds_per_word=1, **options)
        self.unloads = 0

    @property
    def bytes(self):
        return self.needed_bytes if self.phase is Phase.READY else 0

    async def unload(self):
        assert not self.listeners
        self.unloads += 1
        self.phase = Phase.IDLE


def level(engine, residency, patience_seconds=20):
    return Level(engine, LevelSettings(patience_seconds=patience_seconds), residency=residency)


async def say(one, text="un deux trois"):
    voice = one.voice_for("fr")
    async with aclosing(one.stream(Utterance(text, voice, voice.language))) as chunks:
        return [chunk async for chunk in chunks]


@virtual
async def test_an_engine_that_is_idle_leaves_and_comes_back_with_the_next_sentence():
    heavy = Heavy("heavy")
    one = level(heavy, Residency(ResidencyLimits(idle_seconds=100)))
    await say(one)
    await asyncio.sleep(90)
    await say(one, "quatre")
    await asyncio.sleep(90)
    assert (heavy.unloads, heavy.phase) == (0, Phase.READY)
    await asyncio.sleep(20)
    assert (heavy.unloads, heavy.phase) == (1, Phase.IDLE)
    assert await say(one, "cinq")
    assert heavy.phase is Phase.READY
    await one.aclose()


@virtual
async def test_one_that_was_loaded_and_never_asked_leaves_as_well():
    heavy = Heavy("heavy")
    one = level(heavy, Residency(ResidencyLimits(idle_seconds=100)))
    await one.load()
    await asyncio.sleep(101)
    assert heavy.unloads == 1
    await one.aclose()


@virtual
async def test_two_that_do_not_fit_together_take_turns():
    residency = Residency(ResidencyLimits(ceiling_bytes={"cpu": 1000}))
    engines = Heavy("first"), Heavy("second")
    first, second = (level(engine, residency) for engine in engines)
    for text in ("un", "deux", "trois"):
        assert await say(first, text)
        assert await say(second, text)
    assert [engine.unloads for engine in engines] == [3, 2]
    await asyncio.gather(first.aclose(), second.aclose())
    assert residency.occupied_bytes("cpu") == 0


@virtual
async def test_one_for_which_there_is_no_memory_says_so():
    residency = Residency(ResidencyLimits(ceiling_bytes={"cpu": 500}))
    one = level(Heavy("heavy"), residency, patience_seconds=0)
    with pytest.raises((MemoryShort, EngineLoading)):
        await say(one)
    with pytest.raises(MemoryShort, match="there is no memory for heavy"):
        await say(one)
    await one.aclose()


@virtual
async def test_one_that_cannot_be_unloaded_is_left_alone():
    light = ScriptedEngine("light")
    one = level(light, Residency(ResidencyLimits(idle_seconds=1, ceiling_bytes={"cpu": 1})))
    await say(one)
    await asyncio.sleep(100)
    assert await say(one, "encore")
    await one.aclose()


@virtual
async def test_one_that_left_memory_still_counts_as_able_to_speak_or_nobody_would_ask_it_again():
    heavy = Heavy("heavy")
    one = level(heavy, Residency(ResidencyLimits(idle_seconds=100)))
    assert not one.can_speak(), "it was never loaded"
    await one.load()
    await asyncio.sleep(101)
    assert (heavy.phase, one.can_speak()) == (Phase.IDLE, True)
    await one.aclose()


@virtual
async def test_a_voice_that_is_not_in_memory_is_waited_for_a_little_longer():
    class Shelf(ScriptedEngine):
        loaded = False

        def is_in_memory(self, voice):
            return self.loaded

    engine = Shelf("shelf")
    one = level(engine, Residency())
    said = Utterance("un", one.voice_for("fr"), "fr")
    before = one.budget_seconds(said)
    engine.loaded = True
    assert one.budget_seconds(said) == before - VOICE_LOADING_SECONDS
    await one.aclose()
