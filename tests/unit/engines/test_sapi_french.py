"""The system's voice through its door, with espeak-ng in a real process."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.sapi_french import ESPEAK, SAPI, SAY, SystemVoice, SystemVoiceOptions, factories
from portevoix.errors import EngineError, EngineUnavailable
from portevoix.speech import Utterance

ODD_TEXTS = ["1", "é", "a\0b", "\ud800 x", "<b>1</b> & [[a]]", "مرحبا 1", "你好", "x" * 5000, "9" * 500, "a\nb", "😀 a"]


async def speak(engine, text, **changes):
    voice = engine.voices()[0]
    async with aclosing(engine.stream(Utterance(text, voice, voice.language, **changes))) as chunks:
        return [chunk async for chunk in chunks]


@pytest.fixture
async def engine():
    engine = SystemVoice(SystemVoiceOptions(), Surroundings(), candidates=(ESPEAK,))
    await engine.load()
    yield engine
    await engine.aclose()


@pytest.mark.parametrize(("platform", "tried"), [
    ("win32", (SAPI, ESPEAK)), ("darwin", (SAY, ESPEAK)), ("linux", (ESPEAK,)), ("freebsd14", (ESPEAK,)),
])  # fmt: skip
def test_each_platform_has_its_own_voice_and_espeak(platform, tried):
    assert factories(platform) == tried


async def test_it_speaks_audibly_with_marks(engine):
    chunks = await speak(engine, "Bonjour à tous")
    assert np.abs(np.concatenate([chunk.samples for chunk in chunks])).max() > 0.1
    assert [mark.start for chunk in chunks for mark in chunk.marks] == [0, 8, 10]


async def test_equal_requests_give_equal_samples(engine):
    first = np.concatenate([chunk.samples for chunk in await speak(engine, "Bonjour à tous", seed=3)])
    again = np.concatenate([chunk.samples for chunk in await speak(engine, "Bonjour à tous", seed=3)])
    assert np.array_equal(first, again)


@pytest.mark.parametrize("text", ODD_TEXTS)
async def test_odd_texts_are_spoken(engine, text):
    assert await speak(engine, text)


async def test_the_default_languages_voice_comes_first():
    engine = SystemVoice(SystemVoiceOptions(), Surroundings(default_language="en-US"), candidates=(ESPEAK,))
    await engine.load()
    assert engine.voices()[0].family == "en"
    assert {voice.engine for voice in engine.voices()} == {"sapi_french"}
    await engine.aclose()


async def test_a_named_voice_comes_first_and_one_that_is_not_here_is_told():
    for wanted, first, remark in [("espeak-fr-be", "espeak-fr-be", ""), ("Hortense", "espeak-fr", "Hortense")]:
        engine = SystemVoice(SystemVoiceOptions(voice_name=wanted), Surroundings(), candidates=(ESPEAK,))
        await engine.load()
        assert engine.voices()[0].name == first
        assert engine.state().phase is Phase.READY
        assert remark in engine.state().why
        await engine.aclose()


async def test_where_the_platforms_own_voice_fails_espeak_speaks():
    engine = SystemVoice(SystemVoiceOptions(), Surroundings(), candidates=(SAPI, SAY, ESPEAK))
    await engine.load()
    assert engine.voices()[0].name == "espeak-fr"
    await engine.aclose()


async def test_where_nothing_works_it_says_why():
    engine = SystemVoice(SystemVoiceOptions(), Surroundings(), candidates=(SAY, SAPI))
    assert engine.state().phase is Phase.IDLE
    with pytest.raises(EngineUnavailable, match="Windows"):
        await engine.load()
    assert engine.state().phase is Phase.UNAVAILABLE
    assert "portevoix[windows]" in engine.state().hint
    assert engine.processes() == ()
    await engine.aclose()


async def test_a_platform_without_candidates_says_so():
    with pytest.raises(EngineUnavailable, match="no system voice"):
        await SystemVoice(SystemVoiceOptions(), Surroundings(), candidates=()).load()


async def test_several_loads_make_one_process(engine):
    before = engine.processes()
    await asyncio.gather(*(engine.load() for _ in range(5)))
    assert engine.processes() == before
    assert len(before) == 1


async def test_it_loads_by_itself_and_closes_twice():
    engine = SystemVoice(SystemVoiceOptions(), Surroundings(), candidates=(ESPEAK,))
    assert engine.voices() == ()
    await engine.load()
    assert await speak(engine, "Bonjour")
    await engine.aclose()
    await engine.aclose()
    assert engine.processes() == ()


async def test_a_voice_of_somebody_else_is_refused(engine):
    from dataclasses import replace

    voice = replace(engine.voices()[0], name="espeak-nobody")
    with pytest.raises(Exception, match="no voice espeak-nobody") as caught:
        await anext(engine.stream(Utterance("a", voice, "fr")))
    assert not isinstance(caught.value, EngineError)
