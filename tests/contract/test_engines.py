"""One suite over every engine that is installed: a new one is tested because it is registered."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

from portevoix.audio import AudioChunk
from portevoix.dsp.loudness import is_audible
from portevoix.engine import Delivery, Engine, Phase, Surroundings
from portevoix.errors import EngineError
from portevoix.registry import installed_engines
from portevoix.speech import Utterance, Voice

VOICES = Path("tests/fixtures/voices").absolute()
ENGINES = installed_engines()
SENTENCES = {"fr": "Bonjour à tous, ceci est un essai.", "en": "Hello everybody, this is a trial."}
ODD = ["a", "1234567890", "C'est l'été !", "<b>gras</b> & [[x]]", "😀 a", "a\u0301", "x" * 300, "Да нет"]


@pytest.fixture(params=sorted(ENGINES))
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    kind = ENGINES[request.param]
    one = kind(kind.Options(), Surroundings((VOICES,), tmp_path / "cache"))
    try:
        await one.load()
    except EngineError:
        assert one.state().phase is Phase.UNAVAILABLE
    yield one
    await one.aclose()


def speakable(engine: Engine) -> list[tuple[Voice, str]]:
    """Return a voice for each language it is tried in; none when it is not ready."""
    if engine.state().phase is not Phase.READY:
        return []
    everyone = [voice for voice in engine.voices() if voice.is_installed]
    pairs = [(next((v for v in everyone if v.family in (family, "")), None), family) for family in SENTENCES]
    return [(voice, family) for voice, family in pairs if voice]


async def hear(engine: Engine, utterance: Utterance) -> list[AudioChunk]:
    async with aclosing(engine.stream(utterance)) as stream:
        return [chunk async for chunk in stream]


def test_describes_itself_without_being_made() -> None:
    for name, kind in ENGINES.items():
        assert kind.name == name
        assert kind.summary
        assert isinstance(kind.delivery, Delivery)
        assert kind.target_latency_ms > 0
        assert is_dataclass(kind.Options)
        assert all(field.metadata.get("help") for field in fields(kind.Options))
        assert inspect.isasyncgenfunction(kind.stream)


def test_is_made_without_effort(tmp_path: Path) -> None:
    for kind in ENGINES.values():
        one = kind(kind.Options(), Surroundings((VOICES,), tmp_path))
        assert one.state().phase in (Phase.IDLE, Phase.UNAVAILABLE, Phase.READY)


async def test_is_ready_or_says_what_to_do(engine: Engine) -> None:
    state = engine.state()
    assert state.phase is Phase.READY or (state.why and state.hint and state.code)


async def test_voices_are_its_own_and_found_again(engine: Engine) -> None:
    names = [voice.name for voice in engine.voices()]
    assert len(names) == len(set(names))
    assert all(voice.engine == engine.name for voice in engine.voices())


async def test_speaks(engine: Engine) -> None:
    for voice, family in speakable(engine):
        chunks = await hear(engine, Utterance(SENTENCES[family], voice, family))
        samples = np.concatenate([chunk.samples for chunk in chunks])
        assert samples.dtype == np.float32
        assert samples.ndim == 1
        assert np.all(np.abs(samples) <= 1)
        assert len({chunk.sample_rate for chunk in chunks}) == 1
        assert 0.5 < len(samples) / chunks[0].sample_rate < 20
        assert is_audible(samples) is not engine.is_silent


async def test_marks_are_in_order_and_within_the_audio(engine: Engine) -> None:
    for voice, family in speakable(engine):
        text = SENTENCES[family]
        chunks = await hear(engine, Utterance(text, voice, family))
        marks = [mark for chunk in chunks for mark in chunk.marks]
        assert marks == sorted(marks, key=lambda mark: (mark.start, mark.start_seconds))
        assert all(0 <= mark.start < mark.end <= len(text) for mark in marks)
        length = sum(chunk.seconds for chunk in chunks)
        assert all(0 <= mark.start_seconds <= mark.end_seconds <= length + 0.05 for mark in marks)
        if engine.delivery is Delivery.WORDS:
            assert marks, "who delivers words has to mark them"


async def test_a_word_is_marked_no_later_than_the_audio_after_it(engine: Engine) -> None:
    for voice, family in speakable(engine):
        heard = 0.0
        async with aclosing(engine.stream(Utterance(SENTENCES[family], voice, family))) as stream:
            async for chunk in stream:
                assert all(mark.end_seconds >= heard - 0.02 for mark in chunk.marks)
                heard += chunk.seconds


async def test_goes_faster_when_told(engine: Engine) -> None:
    for voice, family in speakable(engine):
        slow, fast = [
            sum(chunk.seconds for chunk in await hear(engine, Utterance(SENTENCES[family], voice, family, speed=speed)))
            for speed in (0.75, 1.5)
        ]
        assert slow / fast == pytest.approx(2, rel=0.35)


async def test_speaks_again_after_being_left(engine: Engine) -> None:
    for voice, family in speakable(engine):
        for _ in range(3):
            async with aclosing(engine.stream(Utterance(SENTENCES[family] * 3, voice, family))) as stream:
                await anext(stream)
        assert await hear(engine, Utterance(SENTENCES[family], voice, family))


async def test_two_utterances_at_once_both_arrive(engine: Engine) -> None:
    for voice, family in speakable(engine):
        both = await asyncio.gather(*(hear(engine, Utterance(SENTENCES[family], voice, family)) for _ in range(2)))
        lengths = [sum(chunk.seconds for chunk in chunks) for chunks in both]
        assert lengths[0] == pytest.approx(lengths[1], rel=0.2)


@pytest.mark.parametrize("text", ODD)
async def test_odd_text_is_spoken_or_refused_in_words(engine: Engine, text: str) -> None:
    for voice, family in speakable(engine):
        try:
            assert await hear(engine, Utterance(text, voice, family))
        except EngineError as error:
            assert error.what
        assert engine.state().phase is Phase.READY


async def test_loads_once_for_all_who_ask(engine: Engine) -> None:
    if speakable(engine):
        await asyncio.gather(*(engine.load() for _ in range(5)))
        assert engine.state().phase is Phase.READY
