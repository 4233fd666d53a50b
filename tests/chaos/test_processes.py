"""Engines in processes of their own, under random deaths, hangs and departures."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.piper_cli import PiperCli, PiperCliOptions
from portevoix.engines.sapi_french import ESPEAK, SystemVoice, SystemVoiceOptions
from portevoix.errors import EngineError
from portevoix.speech import Utterance

VOICES = Path(__file__).parents[1] / "fixtures" / "voices"
TEXTS = [
    "Bonjour.", "Comment allez-vous aujourd'hui ?", "1 234,5 %", "a\0b\x01", "\ud800 x", "<speak>un</speak> & [[deux]]",
    "😀 sourire", "mot " * 200, "Z" * 3000, "un\ndeux\r\ntrois",
]  # fmt: skip


async def stopped_at(engine, text, most_chunks):
    """Speak, leave after so many chunks (None: never), and return what was heard."""
    voice = engine.voices()[-1] if engine.name == "piper_cli" else engine.voices()[0]
    heard = []
    async with aclosing(engine.stream(Utterance(text, voice, voice.language))) as chunks:
        async for chunk in chunks:
            heard.append(chunk)
            if most_chunks is not None and len(heard) > most_chunks:
                break
    return heard


@pytest.fixture(params=["espeak", "piper"])
async def engine(request, tmp_path):
    surroundings = Surroundings(voice_folders=(VOICES,), cache_folder=tmp_path)
    if request.param == "espeak":
        engine = SystemVoice(SystemVoiceOptions(), surroundings, candidates=(ESPEAK,))
    else:
        engine = PiperCli(PiperCliOptions(model_path=str(VOICES / "fr_FR-petit-low.onnx")), surroundings)
    await engine.load()
    yield engine
    pids = engine.processes()
    await engine.aclose()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_hundred_utterances_with_random_departures(engine):
    chance = random.Random(1)
    before = engine.processes()

    async def one(text, most_chunks, turns):
        task = asyncio.create_task(stopped_at(engine, text, most_chunks))
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns:
            task.cancel()
        return await asyncio.gather(task, return_exceptions=True)

    orders = [
        (chance.choice(TEXTS), chance.choice([None, None, 0, 1, 3]), chance.choice([0, 0, 1, 5, 50]))
        for _ in range(100)
    ]
    outcomes = await asyncio.gather(*(one(*order) for order in orders))
    for (_, _, turns), (outcome,) in zip(orders, outcomes, strict=True):
        if not turns:
            assert outcome, outcome
            assert not isinstance(outcome, BaseException), outcome
    assert await stopped_at(engine, "Bonjour.", None)
    if engine.name == "sapi_french":
        assert engine.processes() == before


async def test_it_comes_back_after_each_kill_at_a_random_moment(engine):
    chance = random.Random(2)
    for _ in range(10):
        task = asyncio.create_task(stopped_at(engine, "mot " * 100, None))
        for _ in range(chance.choice([0, 1, 3, 10, 100])):
            await asyncio.sleep(0)
        for pid in engine.processes():
            os.kill(pid, signal.SIGKILL)
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, list | EngineError), outcome
        heard = await stopped_at(engine, "Bonjour à tous.", None)
        assert np.abs(np.concatenate([chunk.samples for chunk in heard])).max() > 0.01
        assert engine.state().phase is Phase.READY


async def test_a_stopped_process_is_killed_when_its_listener_gives_up(engine):
    before = engine.processes()
    os.kill(before[0], signal.SIGSTOP)
    task = asyncio.create_task(stopped_at(engine, "Bonjour à tous.", None))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await stopped_at(engine, "Bonjour à tous.", None)
    assert engine.processes() != before


async def test_a_stopped_espeak_is_found_by_its_heartbeat_and_the_sentence_is_spoken(tmp_path):
    engine = SystemVoice(SystemVoiceOptions(), Surroundings(cache_folder=tmp_path), candidates=(ESPEAK,))
    await engine.load()
    before = engine.processes()
    os.kill(before[0], signal.SIGSTOP)
    assert await stopped_at(engine, "Bonjour à tous.", None)
    assert engine.processes() != before
    await engine.aclose()
