from __future__ import annotations

import numpy as np
import pytest

from portevoix.errors import EngineFailed
from portevoix.speech import Utterance
from tests.scripted import ScriptedEngine, crashes, ends, fails, falls_mute, hangs, hear_words
from tests.virtual_time import Deadlock, run_virtual, virtual

TEXT = "one two three"
WORDS = TEXT.split()


async def speak(engine: ScriptedEngine, speed: float = 1.0):
    chunks = []
    stream = engine.stream(Utterance(TEXT, engine.voices()[1], "en", speed))
    try:
        async for chunk in stream:
            chunks.append(chunk)
    finally:
        samples = np.concatenate([np.zeros(0, np.float32), *(chunk.samples for chunk in chunks)])
        engine.heard = hear_words(samples, engine.sample_rate, WORDS)
    return chunks


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
@virtual
async def test_each_word_is_heard_and_marked(speed):
    engine = ScriptedEngine()
    chunks = await speak(engine, speed)
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert engine.heard == WORDS
    assert [TEXT[mark.start : mark.end] for mark in marks] == WORDS
    assert marks[-1].end_seconds <= sum(chunk.seconds for chunk in chunks)
    assert engine.listeners == 0


@pytest.mark.parametrize(("fault", "error", "heard"), [
    (fails(), EngineFailed, 0), (fails(2), EngineFailed, 2), (fails(3), EngineFailed, 3), (crashes(1), TypeError, 1),
])  # fmt: skip
@virtual
async def test_faults_that_raise(fault, error, heard):
    engine = ScriptedEngine(faults=[fault])
    with pytest.raises(error):
        await speak(engine)
    assert engine.heard == WORDS[:heard]
    assert engine.listeners == 0
    await speak(engine)
    assert engine.heard == WORDS, "a fault of `faults` happens once"


@pytest.mark.parametrize(("fault", "heard", "chunks"), [(ends(1), 1, 1), (falls_mute(2), 2, 3), (falls_mute(), 0, 3)])
@virtual
async def test_faults_that_only_sound_wrong(fault, heard, chunks):
    engine = ScriptedEngine(fault=fault)
    assert len(await speak(engine)) == chunks
    assert engine.heard == WORDS[:heard]


def test_a_hang_never_ends():
    with pytest.raises(Deadlock):
        run_virtual(speak(ScriptedEngine(fault=hangs(1))))
