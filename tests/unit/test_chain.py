from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest

from portevoix.audio import AudioChunk
from portevoix.cache.cache import SpeechCache
from portevoix.cache.memory import MemoryTier
from portevoix.chain import Chain
from portevoix.engine import Delivery, Phase
from portevoix.errors import ChainExhausted, InvalidParameter, StreamInterrupted
from portevoix.level import Level
from portevoix.level_settings import LevelSettings
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.run import Run
from portevoix.speech import Utterance, Voice
from tests.scripted import (
    Fault,
    ScriptedEngine,
    burst,
    cannot_say,
    crashes,
    dies,
    ends,
    fails,
    falls_mute,
    hangs,
    hear_words,
    refuses,
)
from tests.virtual_time import virtual

TEXT = "un deux trois quatre cinq six"


def now() -> float:
    return asyncio.get_running_loop().time()


def level(engine: ScriptedEngine, cache: SpeechCache | None = None, patience_seconds: float = 0.0) -> Level:
    settings = LevelSettings(engine.priority, engine.target_latency_ms, 2.0, {}, patience_seconds)
    return Level(engine, settings, breaker=CircuitBreaker(3, 30.0, clock=now), cache=cache, clock=now)


def chain(*engines: ScriptedEngine, cache: SpeechCache | None = None, patience_seconds: float = 0.0) -> Chain:
    for place, engine in enumerate(engines):
        engine.priority = 10 * place
    return Chain([level(engine, cache, patience_seconds) for engine in engines], clock=now)


def utterance(chain: Chain, text: str = TEXT) -> Utterance:
    voice = chain.levels[0].voice_for("fr")
    assert voice is not None
    return Utterance(text, voice, "fr")


async def speak(chain: Chain, text: str = TEXT, run: Run | None = None) -> list[AudioChunk]:
    chunks = []
    async with aclosing(chain.stream(utterance(chain, text), run)) as stream:
        async for chunk in stream:
            chunks.append(chunk)
    await chain.settle()
    return chunks


def words(chunks: list[AudioChunk], text: str = TEXT) -> list[str]:
    rate = chunks[0].sample_rate
    assert {chunk.sample_rate for chunk in chunks} == {rate}
    return hear_words(np.concatenate([chunk.samples for chunk in chunks]), rate, text.split())


def engines_heard(chunks: list[AudioChunk]) -> list[str]:
    return list(dict.fromkeys(chunk.source.engine for chunk in chunks if chunk.source))


def outcomes(run: Run) -> list[tuple[str, str]]:
    return [(attempt.engine, attempt.outcome) for attempt in run.attempts]


@virtual
async def test_the_first_level_speaks() -> None:
    run = Run()
    chunks = await speak(chain(ScriptedEngine("a"), ScriptedEngine("b")), run=run)
    assert words(chunks) == TEXT.split()
    assert engines_heard(chunks) == ["a"]
    assert outcomes(run) == [("a", "spoke")]


@virtual
async def test_attempts_know_when_they_were_made_and_how_long_they_took() -> None:
    slow, quick = ScriptedEngine("slow", first_word_seconds=5.0), ScriptedEngine("quick", first_word_seconds=0.1)
    slow.target_latency_ms = 300
    run = Run(clock=now)
    await speak(chain(slow, quick), run=run)
    late, spoke = run.attempts
    assert (late.engine, late.began_seconds) == ("slow", 0)
    assert late.seconds == pytest.approx(0.7, abs=0.01)
    assert spoke.began_seconds == pytest.approx(0.6, abs=0.01)
    assert spoke.seconds >= spoke.first_audio_seconds == pytest.approx(0.1, abs=0.01)


@virtual
async def test_the_next_level_speaks_when_the_first_fails() -> None:
    run = Run()
    chunks = await speak(chain(ScriptedEngine("a", fault=fails()), ScriptedEngine("b")), run=run)
    assert engines_heard(chunks) == ["b"]
    assert outcomes(run) == [("a", "failed"), ("b", "spoke")]
    assert run.attempts[0].code == "engine_failed"


@virtual
@pytest.mark.parametrize("fault", [fails, hangs, falls_mute, ends])
@pytest.mark.parametrize("after", [0, 1, 3, 5])
async def test_each_word_is_said_once_whatever_happens(fault, after: int) -> None:
    run = Run()
    chunks = await speak(chain(ScriptedEngine("a", fault=fault(after)), ScriptedEngine("b")), run=run)
    assert words(chunks) == TEXT.split()
    assert engines_heard(chunks)[-1] == "b"
    assert outcomes(run)[0][1] in ("failed", "late", "cut")


@virtual
async def test_marks_after_a_change_of_engine_are_those_of_the_sentence() -> None:
    chunks = await speak(chain(ScriptedEngine("a", fault=fails(3)), ScriptedEngine("b")))
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [TEXT[mark.start : mark.end] for mark in marks] == TEXT.split()
    assert all(
        first.end_seconds <= second.start_seconds + 1e-9 for first, second in zip(marks, marks[1:], strict=False)
    )


@virtual
async def test_a_late_level_is_raced_and_the_first_to_speak_wins() -> None:
    slow, quick = ScriptedEngine("slow", first_word_seconds=5.0), ScriptedEngine("quick", first_word_seconds=0.1)
    slow.target_latency_ms = 300
    run, began = Run(), now()
    chunks = await speak(chain(slow, quick), run=run)
    assert now() - began == pytest.approx(0.6 + 0.1, abs=0.01)
    assert engines_heard(chunks) == ["quick"]
    assert ("slow", "late") in outcomes(run)
    assert slow.listeners == 0


@virtual
async def test_a_late_level_that_speaks_first_all_the_same_is_kept() -> None:
    slow, slower = ScriptedEngine("slow", first_word_seconds=0.8), ScriptedEngine("slower", first_word_seconds=3.0)
    slow.target_latency_ms = 200
    chunks = await speak(chain(slow, slower))
    assert engines_heard(chunks) == ["slow"]
    assert words(chunks) == TEXT.split()
    assert slower.listeners == 0


@virtual
async def test_lateness_that_lost_counts_for_the_breaker() -> None:
    slow, quick = ScriptedEngine("slow", first_word_seconds=5.0), ScriptedEngine("quick")
    slow.target_latency_ms = 200
    speaking = chain(slow, quick)
    for _ in range(3):
        await speak(speaking)
    assert speaking.levels[0].breaker.is_open()
    assert not speaking.levels[1].breaker.is_open()


@virtual
async def test_all_fail_once_and_each_reason_is_told() -> None:
    speaking = chain(ScriptedEngine("a", fault=fails()), ScriptedEngine("b", fault=ends()))
    with pytest.raises(ChainExhausted) as caught:
        await speak(speaking)
    assert [name for name, _ in caught.value.reasons] == ["a", "b"]
    assert [error.code for _, error in caught.value.reasons] == ["engine_failed", "engine_silent"]
    assert len(speaking.levels[0].engine.asked) == 1


@virtual
async def test_speech_that_nobody_can_go_on_with_is_interrupted() -> None:
    with pytest.raises(StreamInterrupted):
        await speak(chain(ScriptedEngine("a", fault=fails(2)), ScriptedEngine("b", fault=fails())))


@virtual
@pytest.mark.parametrize("after", [0, 3])
async def test_an_engine_whose_process_died_is_asked_once_more_before_silence(after: int) -> None:
    engine = ScriptedEngine("a", faults=[dies(after)])
    run = Run()
    chunks = await speak(chain(engine, ScriptedEngine("silent", is_silent=True, delivery=Delivery.FRAMES)), run=run)
    assert words(chunks) == TEXT.split()
    assert engines_heard(chunks) == ["a"]
    assert [outcome for _, outcome in outcomes(run)] == ["cut" if after else "failed", "spoke"]


@virtual
async def test_an_engine_that_keeps_dying_is_not_asked_for_ever() -> None:
    engine = ScriptedEngine("a", fault=dies())
    chunks = await speak(chain(engine, ScriptedEngine("silent", is_silent=True, delivery=Delivery.FRAMES)))
    assert engines_heard(chunks) == ["silent"]
    assert len(engine.asked) == 2


@virtual
async def test_a_process_that_dies_is_replaced_and_does_not_have_to_rest() -> None:
    engine = ScriptedEngine("a", faults=[dies()] * 10)
    speaking = chain(engine, ScriptedEngine("b"))
    for _ in range(10):
        assert engines_heard(await speak(speaking)) == ["b"]
    assert engines_heard(await speak(speaking)) == ["a"]


@virtual
async def test_others_are_asked_before_one_that_died() -> None:
    chunks = await speak(chain(ScriptedEngine("a", faults=[dies()]), ScriptedEngine("b")))
    assert engines_heard(chunks) == ["b"]


@virtual
async def test_a_programming_error_is_not_hidden() -> None:
    with pytest.raises(TypeError):
        await speak(chain(ScriptedEngine("a", fault=crashes()), ScriptedEngine("b")))


@virtual
async def test_an_engine_that_hangs_with_nobody_behind_it_fails_in_the_end() -> None:
    with pytest.raises(ChainExhausted) as caught:
        await speak(chain(ScriptedEngine("a", fault=hangs())))
    assert caught.value.reasons[0][1].code == "engine_timeout"


@virtual
async def test_the_breaker_opens_and_the_engine_is_not_asked_again() -> None:
    broken = ScriptedEngine("a", fault=fails())
    speaking = chain(broken, ScriptedEngine("b"))
    for _ in range(5):
        await speak(speaking)
    assert speaking.levels[0].breaker.is_open()
    assert len(broken.asked) == 3


@virtual
async def test_a_background_trial_brings_the_engine_back_with_a_fixed_phrase() -> None:
    broken = ScriptedEngine("a", faults=[fails()] * 3)
    speaking = chain(broken, ScriptedEngine("b"))
    for _ in range(4):
        assert engines_heard(await speak(speaking)) == ["b"]
    await asyncio.sleep(31)
    assert not speaking.levels[0].breaker.is_open()
    assert broken.asked[-1].text != TEXT
    assert engines_heard(await speak(speaking)) == ["a"]


@virtual
async def test_a_trial_that_fails_lets_it_rest_again_and_tries_later() -> None:
    broken = ScriptedEngine("a", faults=[fails()] * 4)
    speaking = chain(broken, ScriptedEngine("b"))
    for _ in range(4):
        await speak(speaking)
    await asyncio.sleep(31)
    assert speaking.levels[0].breaker.is_open()
    await asyncio.sleep(31)
    assert not speaking.levels[0].breaker.is_open()


@virtual
async def test_a_listener_who_leaves_stops_the_work_and_moves_no_breaker() -> None:
    engine = ScriptedEngine("a", seconds_per_word=0.1)
    speaking = chain(engine)
    async with aclosing(speaking.stream(utterance(speaking))) as stream:
        await anext(stream)
    assert engine.listeners == 0
    assert len(engine.words) < len(TEXT.split())
    assert speaking.levels[0].breaker.failures == 0


@virtual
async def test_whoever_waits_for_those_who_were_stopped_waits_for_those_of_a_part_of_the_chain_too() -> None:
    slow, quick = ScriptedEngine("slow", first_word_seconds=5.0), ScriptedEngine("quick", first_word_seconds=0.1)
    slow.target_latency_ms = 300
    whole = chain(slow, quick)
    for part in (whole.only("slow", "quick"), whole.ordered(["slow", "quick"])):
        async with aclosing(part.stream(utterance(part))) as chunks:
            await anext(chunks)
            assert slow.listeners == 1
            await whole.settle()
            assert slow.listeners == 0


@virtual
async def test_a_listener_who_leaves_before_the_first_audio_stops_the_work() -> None:
    engine = ScriptedEngine("a", first_word_seconds=0.5)
    speaking = chain(engine)
    task = asyncio.create_task(speak(speaking))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await speaking.settle()
    assert engine.listeners == 0
    assert speaking.levels[0].breaker.failures == 0


@virtual
async def test_an_engine_that_is_not_ready_is_skipped_with_its_reason() -> None:
    absent = ScriptedEngine("a", phase=Phase.UNAVAILABLE, why="no model", hint="Put one there.")
    run = Run()
    chunks = await speak(chain(absent, ScriptedEngine("b")), run=run)
    assert engines_heard(chunks) == ["b"]
    assert outcomes(run) == [("a", "skipped"), ("b", "spoke")]
    assert "no model" in run.attempts[0].why
    assert not absent.asked


@virtual
async def test_an_engine_that_is_loading_is_not_waited_for_without_patience() -> None:
    loading = ScriptedEngine("a", phase=Phase.IDLE, load_seconds=1.0)
    speaking = chain(loading, ScriptedEngine("b"))
    assert engines_heard(await speak(speaking)) == ["b"]
    await asyncio.sleep(1.1)
    assert engines_heard(await speak(speaking)) == ["a"]


@virtual
async def test_with_patience_the_better_engine_is_waited_for() -> None:
    loading = ScriptedEngine("a", phase=Phase.IDLE, load_seconds=1.0)
    speaking = chain(loading, ScriptedEngine("b"), patience_seconds=5.0)
    assert engines_heard(await speak(speaking)) == ["a"]


@virtual
async def test_silence_is_the_last_resort_and_counts_as_speech() -> None:
    silent = ScriptedEngine("silent", is_silent=True, delivery=Delivery.FRAMES)
    chunks = await speak(chain(ScriptedEngine("a", fault=fails()), silent))
    assert engines_heard(chunks) == ["silent"]
    assert all(chunk.source.is_silent for chunk in chunks if chunk.source)


@virtual
async def test_one_that_was_only_outrun_goes_on_where_the_winner_breaks_off() -> None:
    winner = ScriptedEngine("a", first_word_seconds=2.0, fault=hangs(3))
    outrun = ScriptedEngine("b", first_word_seconds=2.0)
    winner.target_latency_ms = 500
    run = Run(clock=now)
    chunks = await speak(chain(winner, outrun, ScriptedEngine("silent", is_silent=True)), run=run)
    assert words(chunks) == TEXT.split()
    assert engines_heard(chunks) == ["a", "b"]
    assert outcomes(run) == [("a", "cut"), ("b", "spoke")]


@virtual
async def test_one_that_was_late_goes_on_where_the_winner_breaks_off() -> None:
    late = ScriptedEngine("a", first_word_seconds=4.0)
    late.target_latency_ms = 500
    run = Run(clock=now)
    chunks = await speak(chain(late, ScriptedEngine("b", fault=hangs(3))), run=run)
    assert words(chunks) == TEXT.split()
    assert engines_heard(chunks) == ["b", "a"]
    assert outcomes(run) == [("a", "late"), ("b", "cut"), ("a", "spoke")]


@virtual
async def test_who_takes_no_silence_waits_for_those_who_are_late() -> None:
    engines = [ScriptedEngine(name, first_word_seconds=8.0) for name in "ab"]
    run = Run(clock=now, takes_silence=False)
    chunks = await speak(chain(*engines, ScriptedEngine("silent", is_silent=True)), run=run)
    assert words(chunks) == TEXT.split()
    assert engines_heard(chunks) == ["a"]
    with pytest.raises(ChainExhausted):
        only = chain(ScriptedEngine("a", fault=fails()), ScriptedEngine("silent", is_silent=True))
        await speak(only, run=Run(clock=now, takes_silence=False))


@virtual
async def test_an_engine_that_fell_in_this_request_is_asked_last() -> None:
    speaking, run = chain(ScriptedEngine("a", faults=[fails()]), ScriptedEngine("b")), Run()
    await speak(speaking, run=run)
    run.end_sentence()
    assert engines_heard(await speak(speaking, run=run)) == ["b"]


@virtual
async def test_frames_of_an_unfinished_word_are_heard_and_the_word_said_again() -> None:
    engine = ScriptedEngine("a", fault=fails(2), delivery=Delivery.FRAMES)
    chunks = await speak(chain(engine, ScriptedEngine("b")))
    assert words(chunks) == TEXT.split()


def cache() -> SpeechCache:
    return SpeechCache(MemoryTier(10_000_000, 3600, clock=now))


@virtual
async def test_a_sentence_is_spoken_once_and_then_remembered() -> None:
    engine = ScriptedEngine("a")
    speaking, run = chain(engine, cache=cache()), Run()
    first = await speak(speaking)
    second = await speak(speaking, run=run)
    assert len(engine.asked) == 1
    assert words(second) == words(first)
    assert all(chunk.source.is_cached for chunk in second if chunk.source)
    assert run.attempts[0].is_cached


@virtual
async def test_a_fallbacks_audio_is_never_served_as_the_firsts() -> None:
    engine = ScriptedEngine("a", faults=[fails()])
    speaking = chain(engine, ScriptedEngine("b"), cache=cache())
    assert engines_heard(await speak(speaking)) == ["b"]
    assert engines_heard(await speak(speaking)) == ["a"]


@virtual
async def test_what_the_first_engine_said_is_remembered_while_it_rests() -> None:
    engine = ScriptedEngine("a", faults=[None, fails(), fails(), fails()])
    speaking = chain(engine, ScriptedEngine("b"), cache=cache())
    await speak(speaking)
    for text in ("sept", "huit", "neuf"):
        await speak(speaking, text)
    assert speaking.levels[0].breaker.is_open()
    assert engines_heard(await speak(speaking)) == ["a"]
    assert engines_heard(await speak(speaking, "dix")) == ["b"]


@virtual
async def test_silence_is_never_remembered() -> None:
    silent = ScriptedEngine("silent", is_silent=True, delivery=Delivery.FRAMES)
    speaking = chain(silent, cache=cache())
    await speak(speaking)
    await speak(speaking)
    assert len(silent.asked) == 2


@virtual
async def test_a_cut_sentence_is_not_remembered_as_a_whole() -> None:
    engine = ScriptedEngine("a", faults=[fails(3)])
    speaking = chain(engine, ScriptedEngine("b"), cache=cache())
    await speak(speaking)
    chunks = await speak(speaking)
    assert engines_heard(chunks) == ["a"]
    assert words(chunks) == TEXT.split()


@virtual
async def test_equal_sentences_at_the_same_time_are_spoken_once() -> None:
    engine = ScriptedEngine("a", seconds_per_word=0.1)
    speaking = chain(engine, cache=cache())
    everybody = await asyncio.gather(*(speak(speaking) for _ in range(20)))
    assert len(engine.asked) == 1
    assert all(words(chunks) == TEXT.split() for chunks in everybody)


@virtual
async def test_one_failure_with_many_listeners_is_one_failure() -> None:
    engine = ScriptedEngine("a", first_word_seconds=0.1, fault=fails(1))
    speaking = chain(engine, ScriptedEngine("b"), cache=cache())
    everybody = await asyncio.gather(*(speak(speaking) for _ in range(20)))
    assert speaking.levels[0].breaker.failures == 1
    assert all(words(chunks) == TEXT.split() for chunks in everybody)


FAULTS = (fails, dies, hangs, falls_mute, ends)


def script(dice: random.Random, words_count: int) -> Fault | None:
    return dice.choice(FAULTS)(dice.randrange(words_count + 1)) if dice.random() < 0.7 else None


@virtual
@pytest.mark.parametrize("seed", range(200))
async def test_random_faults_lose_no_word_and_no_time(seed: int) -> None:
    dice = random.Random(seed)
    unsafe = [
        ScriptedEngine(
            name, fault=script(dice, 6), first_word_seconds=dice.choice([0.0, 0.05, 3.0]),
            seconds_per_word=dice.choice([0.0, 0.05]), sample_rate=16_000,
        )
        for name in "abc"
    ]  # fmt: skip
    speaking = chain(*unsafe, ScriptedEngine("sound", seconds_per_word=0.05))
    began = now()
    chunks = await speak(speaking)
    assert words(chunks) == TEXT.split()
    budgets = sum(one.budget_seconds(utterance(speaking)) for one in speaking.levels[:3])
    assert now() - began <= 3 * budgets + 1.0
    assert not any(engine.listeners for engine in unsafe)


@virtual
async def test_a_text_that_an_engine_cannot_say_is_the_nexts_and_no_failure() -> None:
    engine = ScriptedEngine("a", fault=cannot_say())
    speaking = chain(engine, ScriptedEngine("b"))
    for _ in range(5):
        assert engines_heard(await speak(speaking)) == ["b"]
    assert speaking.levels[0].breaker.failures == 0


@virtual
async def test_a_request_that_an_engine_refuses_is_refused() -> None:
    engine = ScriptedEngine("a", fault=refuses())
    speaking = chain(engine, ScriptedEngine("b"))
    with pytest.raises(InvalidParameter):
        await speak(speaking)
    assert speaking.levels[0].breaker.failures == 0


def test_the_budget_grows_with_the_text_for_engines_that_make_sentences_whole() -> None:
    settings = LevelSettings(10, 1000.0, 2.0)
    short, long = (Utterance("x" * count, None, "fr") for count in (50, 300))  # type: ignore[arg-type]
    assert settings.budget_seconds(short, makes_it_whole=True) == 2
    assert settings.budget_seconds(long, makes_it_whole=True) == 6
    assert settings.budget_seconds(long, makes_it_whole=False) == 2
    assert LevelSettings(10, 5.0, 2.0).budget_seconds(short, makes_it_whole=False) == 0.5


class Hushed(ScriptedEngine):
    """Send frames of silence, as a model does that has lost its voice."""

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        self.asked.append(utterance)
        for _ in range(100):
            await asyncio.sleep(0.1)
            yield AudioChunk(np.zeros(160, np.float32), self.sample_rate)


@virtual
async def test_silent_frames_are_no_speech_and_the_next_is_asked_when_the_budget_is_over() -> None:
    hushed, run, began = Hushed("a", delivery=Delivery.FRAMES, target_latency_ms=300), Run(), now()
    chunks = await speak(chain(hushed, ScriptedEngine("b")), run=run)
    assert words(chunks) == TEXT.split()
    assert engines_heard(chunks) == ["b"]
    assert outcomes(run)[0] == ("a", "late")
    assert now() - began == pytest.approx(0.6, abs=0.05)


@virtual
async def test_an_engine_that_ends_with_silence_alone_has_failed() -> None:
    class Brief(Hushed):
        async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
            yield AudioChunk(np.zeros(1600, np.float32), self.sample_rate)

    run = Run()
    speaking = chain(Brief("a", delivery=Delivery.FRAMES), ScriptedEngine("b"), cache=cache())
    for _ in range(3):
        assert engines_heard(await speak(speaking, run=run)) == ["b"]
        run.end_sentence()
    assert run.attempts[0].code == "engine_silent"
    assert speaking.levels[0].breaker.failures == 1


class Endless(ScriptedEngine):
    """Babble on and never end, as an autoregressive model may."""

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        while True:
            await asyncio.sleep(0.01)
            yield AudioChunk(burst("bla", self.sample_rate), self.sample_rate)


@virtual
async def test_an_engine_that_runs_away_is_stopped() -> None:
    run = Run()
    await speak(chain(Endless("a", delivery=Delivery.FRAMES), ScriptedEngine("b")), run=run)
    assert outcomes(run)[0] == ("a", "cut")
    assert "ran away" in run.attempts[0].why
    assert run.attempts[0].audio_seconds < 100


@virtual
async def test_a_configured_voice_that_is_not_there_is_told_and_the_next_speaks() -> None:
    first, second = ScriptedEngine("a", priority=1), ScriptedEngine("b", priority=2)
    speaking = Chain([Level(first, LevelSettings(1, voices={"fr": "nobody"})), level(second)], clock=now)
    run = Run()
    assert engines_heard(await speak(speaking, run=run)) == ["b"]
    assert (run.attempts[0].outcome, run.attempts[0].why) == ("skipped", "voice nobody is not known")


@virtual
async def test_of_several_that_are_loading_the_first_to_be_ready_speaks() -> None:
    slow = ScriptedEngine("slow", phase=Phase.IDLE, load_seconds=4.0)
    quick = ScriptedEngine("quick", phase=Phase.IDLE, load_seconds=1.0)
    silent = ScriptedEngine("silent", is_silent=True, delivery=Delivery.FRAMES)
    began = now()
    slow.target_latency_ms = 100
    assert engines_heard(await speak(chain(slow, quick, silent))) == ["quick"]
    assert now() - began < 2


@virtual
async def test_nobody_waits_for_an_engine_that_lacks_its_voice() -> None:
    missing = Voice("a-fr", "a", "fr-FR", is_installed=False, why_not="voice a-fr is not on this machine")
    loading = ScriptedEngine("a", voices=[missing], phase=Phase.LOADING, load_seconds=60.0)
    ready_soon = ScriptedEngine("b", phase=Phase.IDLE, load_seconds=0.2)
    run, began = Run(), now()
    assert engines_heard(await speak(chain(loading, ready_soon), run=run)) == ["b"]
    assert run.attempts[0].code == "model_missing"
    assert now() - began < 1
