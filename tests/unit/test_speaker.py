from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portevoix.audio import AudioChunk
from portevoix.cache.cache import SpeechCache
from portevoix.cache.memory import MemoryTier
from portevoix.chain import Chain
from portevoix.engine import Phase
from portevoix.errors import (
    ChainExhausted,
    EmptyText,
    EngineNotFound,
    InvalidParameter,
    LanguageNotSupported,
    NothingToSay,
    PortevoixError,
    RequestError,
    StreamInterrupted,
    TextTooLong,
    VoiceNotFound,
)
from portevoix.events import Event, Spoken
from portevoix.joint import Joint
from portevoix.speaker import Speaker, SpeakerSettings
from portevoix.speech import Source, SpeechReport, SpeechRequest
from tests.scripted import ScriptedEngine, fails, hear_words
from tests.unit.test_chain import chain, now
from tests.virtual_time import run_virtual, virtual

TEXT = "Un deux trois. Quatre cinq six. Sept huit?"
WORDS = TEXT.split()


def speaker(*engines: ScriptedEngine, events: list[Event] | None = None, **wishes) -> Speaker:
    notify = (events if events is not None else []).append
    return Speaker(chain(*(engines or (ScriptedEngine("a"),))), SpeakerSettings(**wishes), clock=now, notify=notify)


async def speak(speaker: Speaker, text: str = TEXT, **wishes) -> tuple[list, SpeechReport]:
    speech = await speaker.open(SpeechRequest(text, language=wishes.pop("language", "fr"), **wishes))
    chunks = [chunk async for chunk in speech]
    await speaker.chain.settle()
    return chunks, speech.report


def words(chunks, vocabulary=WORDS) -> list[str]:
    assert len({chunk.sample_rate for chunk in chunks}) == 1
    return hear_words(np.concatenate([chunk.samples for chunk in chunks]), chunks[0].sample_rate, vocabulary)


@virtual
async def test_every_word_is_spoken_in_order() -> None:
    chunks, report = await speak(speaker())
    assert words(chunks) == WORDS
    assert (report.engine, report.voice, report.is_degraded, report.is_cached) == ("a", "a-fr", False, False)
    assert report.audio_seconds == pytest.approx(sum(chunk.seconds for chunk in chunks))


@virtual
async def test_a_sentence_is_the_unit_of_an_engines_work() -> None:
    engine = ScriptedEngine("a")
    await speak(speaker(engine))
    assert [utterance.text for utterance in engine.asked] == ["Un deux trois.", "Quatre cinq six.", "Sept huit?"]


@virtual
async def test_a_failure_between_sentences_loses_nothing() -> None:
    chunks, report = await speak(speaker(ScriptedEngine("a", faults=[None, fails()]), ScriptedEngine("b")))
    assert words(chunks) == WORDS
    assert report.engine == "a"
    assert report.is_degraded
    assert "a failed" in report.why_degraded


@virtual
async def test_whoever_takes_over_keeps_the_word() -> None:
    chunks, _ = await speak(speaker(ScriptedEngine("a", faults=[fails()]), ScriptedEngine("b")))
    assert {chunk.source.engine for chunk in chunks} == {"b"}


@virtual
async def test_another_sample_rate_is_brought_to_the_first() -> None:
    first, second = ScriptedEngine("a", faults=[None, fails()]), ScriptedEngine("b", sample_rate=22_050)
    chunks, _ = await speak(speaker(first, second))
    assert words(chunks) == WORDS
    assert chunks[-1].sample_rate == 16_000


@virtual
async def test_word_marks_count_from_the_beginning_of_the_speech() -> None:
    chunks, _ = await speak(speaker(ScriptedEngine("a", faults=[fails(2)]), ScriptedEngine("b")))
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [mark.text for mark in marks] == WORDS
    prepared = TEXT
    assert [prepared[mark.start : mark.end] for mark in marks] == WORDS
    assert all(one.end_seconds <= other.start_seconds + 0.01 for one, other in zip(marks, marks[1:], strict=False))


@virtual
async def test_a_device_that_is_asleep_gets_silence_before_the_first_word_and_nowhere_else() -> None:
    plain, _ = await speak(speaker())
    chunks, report = await speak(speaker(lead_in_seconds=0.5))
    heard, wanted = (np.concatenate([chunk.samples for chunk in some]) for some in (chunks, plain))
    assert not heard[:8000].any()
    assert np.array_equal(heard[8000:], wanted)
    assert report.audio_seconds == pytest.approx(len(heard) / 16_000)
    moved = [(mark.text, mark.start_seconds - 0.5) for chunk in chunks for mark in chunk.marks]
    assert moved == [(mark.text, pytest.approx(mark.start_seconds)) for chunk in plain for mark in chunk.marks]


@virtual
async def test_a_long_text_is_prepared_while_others_have_their_turns() -> None:
    """A hundred thousand signs that nobody can speak: between their portions the event loop goes round."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    going_round = asyncio.create_task(others())
    with pytest.raises(NothingToSay):
        await speak(speaker(), "\U0001f600 " * 50_000)
    going_round.cancel()
    assert turns >= 25


@virtual
async def test_text_that_is_still_arriving_is_spoken_before_it_ends() -> None:
    written = asyncio.Event()

    async def arriving() -> AsyncIterator[str]:
        yield "Un deux tr"
        yield "ois. Qu"
        written.set()
        await asyncio.sleep(60)
        yield "atre cinq."

    engine = ScriptedEngine("a")
    speech = await speaker(engine).open(SpeechRequest("", language="fr"), arriving())
    assert now() < 1
    chunks = [chunk async for chunk in speech]
    assert words(chunks, ["Un", "deux", "trois.", "Quatre", "cinq."]) == ["Un", "deux", "trois.", "Quatre", "cinq."]


@virtual
@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"text": ""}, EmptyText),
        ({"text": " \n\t\u200b "}, (EmptyText, NothingToSay)),
        ({"text": "😀 🎉"}, NothingToSay),
        ({"text": "... !!! ---"}, NothingToSay),
        ({"text": "\0\ud800"}, NothingToSay),
        ({"text": "x" * 1001}, TextTooLong),
        ({"text": None}, InvalidParameter),
        ({"text": b"bytes"}, InvalidParameter),
        ({"text": TEXT, "speed": math.nan}, InvalidParameter),
        ({"text": TEXT, "speed": math.inf}, InvalidParameter),
        ({"text": TEXT, "speed": 0.1}, InvalidParameter),
        ({"text": TEXT, "speed": 10}, InvalidParameter),
        ({"text": TEXT, "speed": "fast"}, InvalidParameter),
        ({"text": TEXT, "speed": True}, InvalidParameter),
        ({"text": TEXT, "voice": ""}, InvalidParameter),
        ({"text": TEXT, "voice": 3}, InvalidParameter),
        ({"text": TEXT, "voice": "nobody"}, VoiceNotFound),
        ({"text": TEXT, "language": "xx"}, LanguageNotSupported),
        ({"text": TEXT, "engine": "b"}, EngineNotFound),
    ],
)
async def test_a_bad_request_is_refused_before_any_engine_is_asked(wishes, error) -> None:
    engine = ScriptedEngine("a")
    speaking = speaker(engine, max_text_length=1000)
    with pytest.raises(error) as caught:
        await speaking.open(SpeechRequest(**wishes))
    assert isinstance(caught.value, RequestError)
    assert not engine.asked
    assert speaking.chain.levels[0].breaker.failures == 0


@virtual
async def test_an_unknown_voice_is_answered_with_near_names() -> None:
    with pytest.raises(VoiceNotFound) as caught:
        await speaker().open(SpeechRequest(TEXT, voice="a-ft"))
    assert "a-fr" in caught.value.hint


@virtual
async def test_a_voice_of_an_engine_that_is_none_is_answered_with_the_engines() -> None:
    speaking = speaker(ScriptedEngine("piper_native"), ScriptedEngine("sapi_french"))
    with pytest.raises(VoiceNotFound) as caught:
        await speaking.open(SpeechRequest(TEXT, voice="piper_natif:piper_native-fr"))
    assert "there is no such engine, but piper_native, sapi_french" in caught.value.why
    assert caught.value.hint == "Did you mean piper_native?"


@virtual
async def test_a_voice_can_be_named_with_its_engine() -> None:
    _, report = await speak(speaker(ScriptedEngine("a"), ScriptedEngine("b")), voice="b:b-en")
    assert (report.engine, report.voice) == ("b", "b-en")


@virtual
async def test_client_names_stand_for_the_best_voice_or_what_is_configured() -> None:
    _, report = await speak(speaker(), voice="alloy")
    assert report.voice == "a-fr"
    _, report = await speak(speaker(), voice="Alloy")
    assert report.voice == "a-fr"
    _, report = await speak(speaker(aliases={"alloy": {"fr": "a-en"}}), voice="alloy")
    assert report.voice == "a-en"
    _, report = await speak(speaker(aliases={"nova": "a-en"}), voice="nova")
    assert report.voice == "a-en"


@virtual
async def test_the_language_is_heard_from_the_text() -> None:
    _, report = await speak(speaker(), "The house is over there and the cat is in it.", language=None)
    assert report.voice == "a-en"
    _, report = await speak(speaker(), "La maison est là-bas et le chat est dedans.", language=None)
    assert report.voice == "a-fr"


@virtual
async def test_one_engine_alone_when_asked_for() -> None:
    first = ScriptedEngine("a")
    _, report = await speak(speaker(first, ScriptedEngine("b")), engine="b")
    assert report.engine == "b"
    assert not first.asked
    with pytest.raises(ChainExhausted):
        await speak(speaker(ScriptedEngine("a", fault=fails()), ScriptedEngine("b")), engine="a")


@virtual
async def test_a_fallback_speaks_in_its_own_voice_of_the_language() -> None:
    _, report = await speak(
        speaker(ScriptedEngine("a", fault=fails()), ScriptedEngine("b")), voice="a-en", language="en"
    )
    assert report.voice == "b-en"


@virtual
async def test_how_a_request_ended_is_told_once() -> None:
    events: list[Event] = []
    await speak(speaker(events=events))
    speaking = speaker(ScriptedEngine("a", fault=fails()), events=events)
    with pytest.raises(ChainExhausted):
        await speak(speaking)
    leaving = speaker(ScriptedEngine("a", seconds_per_word=1.0), events=events, read_ahead_seconds=0.1)
    speech = await leaving.open(SpeechRequest(TEXT, language="fr"))
    await speech.aclose()
    with pytest.raises(NothingToSay):
        await speak(speaker(events=events), "😀")
    ended = [(event.status, event.code) for event in events if isinstance(event, Spoken)]
    assert ended == [
        ("success", ""),
        ("failed", "no_engine_could_speak"),
        ("cancelled", ""),
        ("failed", "nothing_to_say"),
    ]


@virtual
async def test_a_failure_in_mid_speech_is_an_error_after_what_was_heard() -> None:
    speech = await speaker(ScriptedEngine("a", faults=[None, fails(1)], fault=fails())).open(
        SpeechRequest(TEXT, language="fr")
    )
    chunks = []
    with pytest.raises((StreamInterrupted, ChainExhausted)):
        async for chunk in speech:
            chunks.append(chunk)
    assert words(chunks)[:4] == WORDS[:4]


@virtual
async def test_leaving_stops_the_work() -> None:
    engine = ScriptedEngine("a", seconds_per_word=0.5)
    speaking = speaker(engine, read_ahead_seconds=0.2)
    speech = await speaking.open(SpeechRequest(TEXT, language="fr"))
    await speech.aclose()
    assert engine.listeners == 0
    assert len(engine.words) < 4
    _, report = await speak(speaking)
    assert report.engine == "a"


@virtual
async def test_speech_is_made_ahead_only_so_far() -> None:
    engine = ScriptedEngine("a")
    speech = await speaker(engine, read_ahead_seconds=0.5).open(SpeechRequest("Un deux. " * 50, language="fr"))
    await asyncio.sleep(10)
    assert len(engine.asked) < 10
    await speech.aclose()


@virtual
async def test_nobody_ready_is_an_error_with_each_reason() -> None:
    absent = ScriptedEngine("a", phase=Phase.UNAVAILABLE, why="no model", hint="Put one there.")
    with pytest.raises(ChainExhausted) as caught:
        await speak(speaker(absent))
    assert "no model" in str(caught.value)


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_any_text_is_spoken_or_refused_in_words(text: str) -> None:
    async def tell() -> None:
        try:
            await speak(speaker(), text, language=None)
        except PortevoixError as error:
            assert isinstance(error, RequestError)

    run_virtual(tell())


def test_a_chain_keeps_its_levels_in_order_of_priority() -> None:
    engines = [ScriptedEngine(name) for name in "abc"]
    speaking = chain(*engines)
    assert [level.name for level in Chain(list(reversed(speaking.levels))).levels] == ["a", "b", "c"]


@virtual
async def test_a_change_of_engine_makes_no_click() -> None:
    """A step where one voice ends and another begins is spread over milliseconds."""
    joint = Joint(16_000)
    loud, quiet = np.full(1600, 0.8, np.float32), np.zeros(1600, np.float32)
    pieces = [
        *joint.push(AudioChunk(loud, 16_000, source=Source("a", "a-fr"))),
        *joint.push(AudioChunk(quiet, 16_000, source=Source("b", "b-fr"))),
    ]
    joined = np.concatenate([piece.samples for piece in pieces])
    assert len(joined) == 3200
    assert np.abs(np.diff(joined)).max() < 0.8 / 50


@virtual
async def test_a_language_can_have_an_order_of_its_own() -> None:
    speaking = speaker(ScriptedEngine("a"), ScriptedEngine("b"))
    second = speaking.chain.levels[1]
    second.settings = replace(second.settings, priorities={"en": -1})
    assert (await speak(speaking, language="fr"))[1].engine == "a"
    assert (await speak(speaking, language="en"))[1].engine == "b"
    assert (await speak(speaking, language="en-GB"))[1].engine == "b"


@virtual
async def test_a_request_can_name_its_own_order() -> None:
    speaking = speaker(ScriptedEngine("a"), ScriptedEngine("b"), ScriptedEngine("c", fault=fails()))
    _, report = await speak(speaking, engine="c, a")
    assert [attempt.engine for attempt in report.attempts[:2]] == ["c", "a"]
    with pytest.raises(EngineNotFound):
        await speak(speaking, engine="a,nobody")


@virtual
async def test_a_name_can_stand_for_one_speaker_of_a_voice() -> None:
    engine = ScriptedEngine("a")
    mouth = speaker(engine, aliases={"alloy": "a-fr#79"})
    for wish in (SpeechRequest(TEXT, voice="alloy"), SpeechRequest(TEXT, voice="alloy", speaker="two")):
        async for _ in mouth.stream(wish):
            pass
    assert [(one.voice.name, one.speaker) for one in engine.asked[::3]] == [("a-fr", "79"), ("a-fr", "two")]


@virtual
async def test_words_are_respelled_before_anything_else() -> None:
    engine = ScriptedEngine("a")
    await speak(speaker(engine, respell=lambda text: text.replace("*", " fois ")), "Deux*trois.")
    assert engine.asked[0].text == "Deux fois trois."


def remembering(engine: ScriptedEngine, events: list[Event]) -> Speaker:
    cache = SpeechCache(MemoryTier(1_000_000, math.inf))
    return Speaker(chain(engine, cache=cache), clock=now, notify=events.append)


@virtual
async def test_a_turn_is_taken_once_and_only_where_somebody_has_to_speak() -> None:
    turns: list[float] = []

    async def take_turn() -> bool:
        turns.append(now())
        await asyncio.sleep(10)
        return False

    events: list[Event] = []
    speaking = remembering(ScriptedEngine("a", seconds_per_word=0.1), events)
    for text, taken in ((TEXT, 1), (TEXT, 1), ("Un deux trois. Neuf dix. Onze.", 2)):
        speech = await speaking.open(SpeechRequest(text, language="fr"), turn=take_turn)
        assert [chunk async for chunk in speech]
        assert len(turns) == taken
    assert all(event.seconds < 5 for event in events if isinstance(event, Spoken)), "waiting is no time of a request's"


@virtual
async def test_who_has_waited_for_a_turn_takes_what_was_spoken_meanwhile() -> None:
    events: list[Event] = []
    engine = ScriptedEngine("a")
    speaking = remembering(engine, events)

    async def take_turn() -> bool:
        await speak(speaking)
        return True

    speech = await speaking.open(SpeechRequest(TEXT, language="fr"), turn=take_turn)
    assert words([chunk async for chunk in speech]) == WORDS
    assert speech.report.is_cached
    assert len(engine.asked) == 3
