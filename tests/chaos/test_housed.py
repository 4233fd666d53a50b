"""A thousand sentences through a heavy engine's room, whose process is killed at random moments.

The engine is the documentation's example: the room, the chain and the deaths are real, and its process is back in a
fraction of a second. What a death costs the engines with real packages is in `tests/contract/test_housed_engines.py`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from portevoix.chain import Chain, Run
from portevoix.engine import Phase
from portevoix.level import Level
from portevoix.level_settings import LevelSettings
from portevoix.speech import Utterance
from tests.humming import FILE, hum
from tests.scripted import ScriptedEngine

SENTENCES = 1000
WARM_UP = 200
KILL_EVERY = 40
AT_ONCE = 4


@pytest.mark.timeout(600)
async def test_a_thousand_sentences_under_random_kills_are_all_answered(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FILE.parent))
    chance = random.Random(7)
    engine, spare = hum(tmp_path), ScriptedEngine("spare", languages=("fr-FR",), sample_rate=16_000)
    level = Level(engine, LevelSettings(1, target_latency_ms=2000))
    chain = Chain((level, Level(spare, LevelSettings(2))))
    await level.load()
    (voice,) = engine.voices()
    pids = set(engine.processes())
    places = asyncio.Semaphore(AT_ONCE)

    async def answer(number: int) -> float:
        async with places:
            if number % KILL_EVERY == KILL_EVERY - 1:
                for _ in range(chance.randrange(200)):
                    await asyncio.sleep(0)
                for pid in engine.processes():
                    os.kill(pid, signal.SIGKILL)
            text = f"Phrase {number} " + "mot " * chance.randrange(1, 12)
            async with aclosing(chain.stream(Utterance(text, voice, "fr", seed=number), Run())) as chunks:
                seconds = sum([chunk.seconds async for chunk in chunks])
            pids.update(engine.processes())
            return seconds

    answered = list(await asyncio.gather(*map(answer, range(WARM_UP))))
    before = _resident_bytes()
    answered += await asyncio.gather(*map(answer, range(WARM_UP, SENTENCES)))
    after = _resident_bytes()

    assert len(answered) == SENTENCES
    assert all(seconds > 0.3 for seconds in answered), "somebody was not answered, or only in part"
    assert len(pids) > SENTENCES // KILL_EVERY // 2, "nobody died"
    assert after < 1.05 * before, (before, after)
    while not engine.processes():  # noqa: ASYNC110 - until a real process has come up
        await asyncio.sleep(0.05)
    assert engine.state().phase is Phase.READY
    await chain.settle()
    await engine.aclose()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def _resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
