"""The sentence after is begun while the one before it is spoken, and nothing else changes by that."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from portevoix.cache.cache import SpeechCache
from portevoix.cache.memory import MemoryTier
from portevoix.engine import Delivery
from portevoix.errors import Overloaded
from portevoix.run import Run
from portevoix.speaker import Speaker, SpeakerSettings
from portevoix.speech import SpeechRequest
from portevoix.vits.admission import Admissions
from tests.scripted import ScriptedEngine, fails
from tests.unit.test_chain import chain, now, utterance
from tests.unit.test_speaker import TEXT, WORDS, speak, words
from tests.virtual_time import virtual

SENTENCES = ["Un deux trois.", "Quatre cinq six.", "Sept huit?"]


def in_process(name: str = "a", **script) -> ScriptedEngine:
    """Return an engine that may work on two sentences of a listener, and takes its time."""
    return ScriptedEngine(name, delivery=Delivery.FRAMES, first_word_seconds=0.2, seconds_per_word=0.1, **script)


def speaker(*engines: ScriptedEngine, cache: SpeechCache | None = None) -> Speaker:
    return Speaker(chain(*engines, cache=cache), SpeakerSettings(), clock=now)


async def seconds_of(engine: ScriptedEngine) -> float:
    began = now()
    await speak(speaker(engine), reads_cache=False)
    return now() - began


@virtual
async def test_each_sentence_is_made_once_and_heard_in_order() -> None:
    engine = in_process()
    chunks, report = await speak(speaker(engine), reads_cache=False)
    assert words(chunks) == WORDS
    assert [one.text for one in engine.asked] == SENTENCES
    assert [(one.sentence, one.outcome, one.is_cached) for one in report.attempts] == [
        (0, "spoke", False), (1, "spoke", False), (2, "spoke", False),
    ]  # fmt: skip


@virtual
async def test_two_sentences_are_made_side_by_side() -> None:
    alone = ScriptedEngine("b", delivery=Delivery.WORDS, first_word_seconds=0.2, seconds_per_word=0.1)
    assert await seconds_of(in_process()) < await seconds_of(alone) - 0.15


@virtual
async def test_the_sentence_after_is_due_when_the_first_has_been_heard() -> None:
    engine = in_process()
    await speak(speaker(engine), reads_cache=False)
    first, second, _ = engine.asked
    assert first.slack_seconds == 0.0
    assert second.slack_seconds == pytest.approx(len(SENTENCES[0]) * 0.05, abs=0.2)
    assert second.continues


@virtual
async def test_sentences_of_one_request_have_one_listener() -> None:
    engine = in_process()
    mouth = speaker(engine)
    await speak(mouth, reads_cache=False)
    await speak(mouth, reads_cache=False)
    numbers = [one.listener for one in engine.asked]
    assert len(set(numbers[:3])) == len(set(numbers[3:])) == 1
    assert numbers[0] != numbers[3]
    assert all(numbers)


@virtual
async def test_what_was_remembered_is_not_made_again() -> None:
    engine = in_process()
    mouth = speaker(engine, cache=SpeechCache(MemoryTier(1 << 24, 60.0, clock=now)))
    await speak(mouth, SENTENCES[1])
    _, report = await speak(mouth)
    assert [one.text for one in engine.asked] == [SENTENCES[1], SENTENCES[0], SENTENCES[2]]
    assert [one.is_cached for one in report.attempts] == [False, True, False]


@pytest.mark.parametrize("after_words", [0, 1, 2])
@virtual
async def test_one_that_breaks_ahead_of_time_loses_no_word(after_words: int) -> None:
    engine, other = in_process(faults=[None, fails(after_words)]), in_process("b")
    chunks, report = await speak(speaker(engine, other), reads_cache=False)
    assert words(chunks) == WORDS
    assert {one.engine for one in report.attempts} == {"a", "b"}


@virtual
async def test_what_was_begun_ahead_and_another_speaks_is_stopped_at_once() -> None:
    engine, other = in_process(), in_process("b")
    speaking, run = chain(engine, other), Run()
    async with aclosing(speaking.stream(utterance(speaking, SENTENCES[0]), run)) as chunks:
        async for chunk in chunks:
            speaking.look_ahead(utterance(speaking, SENTENCES[1]), chunk.source, run)
    for _ in range(3):
        speaking.levels[0].breaker.fail()
    async with aclosing(speaking.stream(utterance(speaking, SENTENCES[1]), run)) as chunks:
        assert (await anext(chunks)).source.engine == "b"
        assert (run.ahead, engine.listeners) == (None, 0)
    assert [one.text for one in other.asked] == [SENTENCES[1]]


@virtual
async def test_leaving_stops_what_was_begun_ahead() -> None:
    engine = in_process()
    mouth = speaker(engine)
    speech = await mouth.open(SpeechRequest(TEXT, language="fr", reads_cache=False))
    await asyncio.sleep(0.05)
    await speech.aclose()
    await mouth.chain.settle()
    assert engine.listeners == 0
    assert [one.text for one in engine.asked] == SENTENCES[:2]


def test_a_listener_with_two_sentences_counts_once() -> None:
    admissions = Admissions(1)
    admissions.measured("voice", 0.4, 1.0)
    first = admissions.admit("voice", listener=1)
    ahead = admissions.admit("voice", listener=1)
    other = admissions.admit("voice", listener=2)
    with pytest.raises(Overloaded, match="2 are being spoken to"):
        admissions.admit("voice", listener=3)
    first.close()
    with pytest.raises(Overloaded):
        admissions.admit("voice", listener=3)
    ahead.close()
    admissions.admit("voice", listener=3)
    other.close()
