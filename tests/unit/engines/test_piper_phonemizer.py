"""What happens to the phonemizer of Piper voices costs a sentence at most."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.piper_native import PiperNative, PiperNativeOptions
from portevoix.errors import EngineDied, EngineUnavailable
from portevoix.rooms.phonemizer import PhonemizerPlan
from portevoix.rooms.phonemizing import Phonemizers
from tests.rooms import until
from tests.unit.engines.test_piper_native import VOICES, speak


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[PiperNative]:
    engine = PiperNative(PiperNativeOptions(), Surroundings((VOICES,), tmp_path / "cache"))
    yield engine
    await engine.aclose()


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_all_voices_share_a_process_that_ends_with_the_engine(engine: PiperNative) -> None:
    await speak(engine, "Bonjour.")
    (pid,) = engine.processes()
    await speak(engine, "Hello.", "en_US-small-low")
    assert engine.processes() == (pid,)
    await engine.aclose()
    assert engine.processes() == ()
    assert not is_there(pid)


async def test_a_death_between_sentences_is_not_heard(engine: PiperNative) -> None:
    before = await speak(engine, "Bonjour.", seed=1)
    (pid,) = engine.processes()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_there(pid))
    assert (await speak(engine, "Bonjour.", seed=1)).tolist() == before.tolist()


async def test_a_death_in_a_sentence_lets_the_engine_be_asked_again(engine: PiperNative) -> None:
    await speak(engine, "Bonjour.")
    life = await engine._phonemizers._light.begin()
    os.kill(life.pid, signal.SIGSTOP)
    speaking = asyncio.create_task(speak(engine, "Le chat dort."))
    await until(lambda: life._waiting)
    os.kill(life.pid, signal.SIGKILL)
    with pytest.raises(EngineDied):
        await speaking
    assert engine.state().phase is Phase.READY
    assert len(await speak(engine, "Le chat dort."))


async def test_one_that_cannot_be_started_is_told_and_tried_again(engine: PiperNative) -> None:
    sound, engine._phonemizers = engine._phonemizers, Phonemizers(PhonemizerPlan(("no-such-program",)))
    with pytest.raises(EngineUnavailable, match="phonemizer"):
        await engine.load()
    assert engine.state().phase is not Phase.UNAVAILABLE
    engine._phonemizers = sound
    await engine.load()
    assert len(await speak(engine, "Bonjour."))
