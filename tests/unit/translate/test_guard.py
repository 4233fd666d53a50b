from __future__ import annotations

import asyncio

import pytest

from portevoix.engine import Phase
from portevoix.errors import CircuitOpen, EngineDied, EngineFailed, EngineTimeout, EngineUnavailable
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.translate.faults import CannotTranslate
from portevoix.translate.guard import Guard
from portevoix.translate.memory import TranslationMemory
from tests.translating import ScriptedTranslation, failure
from tests.virtual_time import virtual


def guard_of(engine, **options):
    return Guard(engine, TranslationMemory(10_000, 60.0), **options)


async def translate(guard, *sentences, source="en", target="fr", **options):
    lines = await guard.translate(sentences, guard.route(source, target), **options)
    return [line.text for line in lines]


async def test_each_sentence_is_translated_in_its_place():
    guard = guard_of(ScriptedTranslation())
    assert await translate(guard, "the cat", "a dog") == ["fr eht tac", "fr a god"]


async def test_a_pivot_takes_both_steps():
    guard = guard_of(ScriptedTranslation(pairs=("en-es", "es-fr")))
    assert await translate(guard, "the cat") == ["fr se the cat"]


async def test_a_sentence_is_asked_once_and_then_known():
    engine = ScriptedTranslation()
    guard = guard_of(engine)
    await translate(guard, "the cat", "the cat", "a dog")
    lines = await guard.translate(["the cat", "a bird"], guard.route("en", "fr"))
    assert [line.is_cached for line in lines] == [True, False]
    assert [sentences for sentences, _ in engine.asked] == [["the cat", "a dog"], ["a bird"]]
    await translate(guard, "the cat", reads_cache=False)
    assert engine.asked[-1][0] == ["the cat"]


async def test_a_pivoted_sentence_is_known_by_its_steps():
    engine = ScriptedTranslation(pairs=("en-es", "es-fr"))
    guard = guard_of(engine)
    await translate(guard, "the cat", target="es")
    lines = await guard.translate(["the cat"], guard.route("en", "fr"))
    assert [direction.target for _, direction in engine.asked] == ["es", "fr"]
    assert not lines[0].is_cached


async def test_what_a_translation_loses_is_kept_by_translating_around_it():
    engine = ScriptedTranslation()
    engine.answer = lambda sentence, _: sentence.upper().replace("@", " ")
    text = await translate(guard_of(engine), "write to bob@example.com now")
    assert text == ["WRITE TO bob@example.com NOW"]
    assert engine.asked[1][0] == ["write to", "now"]


@pytest.mark.parametrize("answer", ["", "   ", "\n"])
async def test_an_empty_translation_is_a_failure(answer):
    engine = ScriptedTranslation()
    engine.answer = lambda *_: answer
    with pytest.raises(EngineFailed, match="lost"):
        await translate(guard_of(engine), "the cat")


async def test_a_missing_translation_is_a_failure():
    engine = ScriptedTranslation()
    engine.translate = lambda *_: _answered([])
    with pytest.raises(EngineFailed, match="lost"):
        await translate(guard_of(engine), "the cat")


async def _answered(value):
    return value


async def test_what_an_engine_lets_slip_is_its_failure_and_a_mistake_is_a_mistake():
    engine = ScriptedTranslation(faults=[ValueError("odd"), TypeError("a mistake")])
    guard = guard_of(engine)
    with pytest.raises(EngineFailed, match="odd"):
        await translate(guard, "the cat")
    with pytest.raises(TypeError):
        await translate(guard, "the cat")


@virtual
async def test_a_late_batch_is_a_failure():
    async def never(_):
        await asyncio.Event().wait()

    engine = ScriptedTranslation(before=never)
    guard = guard_of(engine)
    with pytest.raises(EngineTimeout):
        await translate(guard, "the cat")
    assert asyncio.get_running_loop().time() == 10
    assert engine.cancelled == 1
    with pytest.raises(EngineTimeout):
        await translate(guard, *("a " * 100 + str(number) for number in range(8)))
    assert asyncio.get_running_loop().time() > 10 + 30


@virtual
async def test_after_three_failures_it_rests_and_comes_back_with_other_words():
    clock = asyncio.get_running_loop().time
    engine = ScriptedTranslation(faults=[failure()] * 4)
    guard = guard_of(engine, breaker=CircuitBreaker(3, 30.0, clock=clock), clock=clock)
    for _ in range(3):
        assert guard.refusal() is None
        with pytest.raises(EngineFailed):
            await translate(guard, "my secret words")
    refusal = guard.refusal()
    assert isinstance(refusal, CircuitOpen)
    assert "the script says so" in refusal.why
    await asyncio.sleep(31)
    assert guard.refusal() is not None
    await asyncio.sleep(31)
    assert guard.refusal() is None
    assert [sentences for sentences, _ in engine.asked[3:]] == [["Hello."], ["Hello."]]
    await guard.aclose()


@virtual
async def test_death_and_sentences_that_cannot_be_translated_do_not_count():
    faults = [failure(kind=EngineDied), failure(kind=CannotTranslate)] * 3
    guard = guard_of(ScriptedTranslation(faults=faults))
    for fault in faults:
        with pytest.raises(type(fault)):
            await translate(guard, "the cat")
    assert guard.breaker.failures == 0


async def test_an_engine_that_cannot_be_used_is_refused_with_its_reason():
    guard = guard_of(ScriptedTranslation(why_unavailable="it is not installed"))
    await guard.load()
    refusal = guard.refusal()
    assert isinstance(refusal, EngineUnavailable)
    assert (refusal.what, refusal.hint) == ("it is not installed", "Install it.")
    assert guard.state().phase is Phase.UNAVAILABLE


async def test_closing_ends_everything():
    engine = ScriptedTranslation(faults=[failure()] * 3)
    guard = guard_of(engine)
    for _ in range(3):
        with pytest.raises(EngineFailed):
            await translate(guard, "the cat")
    await guard.aclose()
    assert engine.is_closed
    assert len(asyncio.all_tasks()) == 1
