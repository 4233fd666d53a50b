from __future__ import annotations

import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from portevoix.errors import ChainExhausted, StreamInterrupted, TextTooLong, VoiceNotFound
from portevoix.server.application import make_queue
from portevoix.server.dictation import Dictation
from portevoix.speech import SpeechRequest
from tests.scripted import fails, hangs, hear_words, kind
from tests.served import SILENT, make_app

ENGLISH = SpeechRequest("not looked at", voice="alpha-en")


def dictate(app, request=ENGLISH, *, queue=None, sample_rate=None) -> Dictation:
    return Dictation(app, queue or make_queue(app), request, sample_rate)


async def hear(dictation: Dictation) -> tuple[np.ndarray, list]:
    async with aclosing(dictation.chunks()) as chunks:
        heard = [chunk async for chunk in chunks]
    assert {chunk.sample_rate for chunk in heard} <= {dictation.sample_rate}
    parts = [chunk.samples for chunk in heard]
    return np.concatenate(parts or [np.zeros(0)]), [mark for chunk in heard for mark in chunk.marks]


async def silence(dictation: Dictation) -> None:
    """Wait until it waits for its writer."""
    for _ in range(10_000):
        if not dictation.is_speaking:
            return
        await asyncio.sleep(0)
    raise AssertionError("it goes on speaking")


async def test_all_that_was_written_is_said_once() -> None:
    app = make_app(kind("alpha"))
    dictation = dictate(app)
    for piece in ("One tw", "o. Three ", "four", ""):
        dictation.write(piece)
    dictation.end()
    samples, marks = await hear(dictation)
    words = ["One", "two.", "Three", "four"]
    assert hear_words(samples, 16_000, words) == words
    assert [mark.text for mark in marks] == words
    assert [mark.start_seconds for mark in marks] == pytest.approx([0, 0.15, 0.3, 0.45])
    assert dictation.seconds == pytest.approx(0.6)


async def test_marks_go_on_after_a_pause_and_words_are_not_adjacent() -> None:
    dictation = dictate(make_app(kind("alpha")))
    dictation.write("One two. Th")
    async with aclosing(dictation.chunks()) as chunks:
        first = [await anext(chunks) for _ in range(2)]
        waiting = asyncio.ensure_future(anext(chunks))
        await silence(dictation)
        dictation.write("ree.")
        dictation.end()
        rest = [await waiting, *[chunk async for chunk in chunks]]
    marks = [mark for chunk in first + rest for mark in chunk.marks]
    assert [mark.start_seconds for mark in marks] == pytest.approx([0, 0.15, 0.3])
    assert all(later.start > earlier.end for earlier, later in zip(marks, marks[1:], strict=False))


async def test_a_writer_who_pauses_holds_no_turn() -> None:
    app = make_app(kind("alpha"), server={"max_concurrent_requests": 1})
    queue = make_queue(app)
    dictation = dictate(app, queue=queue)
    dictation.write("One two. And ")
    async with aclosing(dictation.chunks()) as chunks:
        assert (await anext(chunks)).seconds
        assert queue.running == 1
        await anext(chunks)
        waiting = asyncio.ensure_future(anext(chunks))
        await silence(dictation)
        assert queue.running == 0
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_flush_speaks_half_a_sentence() -> None:
    dictation = dictate(make_app(kind("alpha")))
    dictation.write("One two")
    async with aclosing(dictation.chunks()) as chunks:
        waiting = asyncio.ensure_future(anext(chunks))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        dictation.flush()
        assert [mark.text for mark in (await waiting).marks] == ["One"]


async def test_what_a_flush_parted_does_not_grow_together() -> None:
    dictation = dictate(make_app(kind("alpha")))
    for part in ("One", "two.", "Three"):
        dictation.write(part)
        dictation.flush()
    dictation.end()
    assert [mark.text for mark in (await hear(dictation))[1]] == ["One", "two.", "Three"]


async def test_the_first_sentence_chooses_the_voice_for_all() -> None:
    app = make_app(kind("alpha"))
    dictation = dictate(app, SpeechRequest(""))
    dictation.write("The cat is on the table with the dog. ")
    dictation.flush()
    dictation.write("Le chat est sur la table avec le chien.")
    dictation.end()
    await hear(dictation)
    (engine,) = (level.engine for level in app.levels)
    assert [utterance.voice.name for utterance in engine.asked] == ["alpha-en", "alpha-en"]


async def test_every_chunk_has_the_rate_that_was_asked_for() -> None:
    dictation = dictate(make_app(kind("alpha")), sample_rate=24_000)
    dictation.write("One two. Three.")
    dictation.end()
    samples, _ = await hear(dictation)
    words = ["One", "two.", "Three."]
    assert hear_words(samples, 24_000, words) == words
    assert len(samples) == pytest.approx(0.45 * 24_000, abs=4)


async def test_engines_of_several_rates_give_one() -> None:
    app = make_app(
        kind("alpha", faults=[None, fails()], sample_rate=16_000),
        kind("beta", sample_rate=22_050, priority=20, languages=("fr-FR", "en-US")),
    )
    dictation = dictate(app)
    dictation.write("One. ")
    dictation.flush()
    async with aclosing(dictation.chunks()) as chunks:
        heard = [await anext(chunks)]
        waiting = asyncio.ensure_future(anext(chunks))
        await silence(dictation)
        dictation.write("Two.")
        dictation.end()
        heard += [await waiting, *[chunk async for chunk in chunks]]
    assert {chunk.sample_rate for chunk in heard} == {16_000}
    samples = np.concatenate([chunk.samples for chunk in heard])
    assert hear_words(samples, 16_000, ["One.", "Two."]) == ["One.", "Two."]
    assert {chunk.source.engine for chunk in heard} == {"alpha", "beta"}


async def test_what_has_nothing_to_say_is_passed_over() -> None:
    dictation = dictate(make_app(kind("alpha")))
    for text in ("… ", " \n", "One.", "🙂"):
        dictation.write(text)
        dictation.flush()
    dictation.end()
    samples, _ = await hear(dictation)
    assert hear_words(samples, 16_000, ["One."]) == ["One."]


async def test_nothing_written_is_nothing_heard() -> None:
    dictation = dictate(make_app(kind("alpha")))
    dictation.end()
    samples, _ = await hear(dictation)
    assert not len(samples)


def test_all_parts_together_are_bounded() -> None:
    dictation = dictate(make_app(kind("alpha"), max_text_length=10))
    dictation.write("12345")
    dictation.write("67890")
    with pytest.raises(TextTooLong):
        dictation.write("1")


@pytest.mark.parametrize(
    ("fault", "kinds", "expected"),
    [(fails(), (), ChainExhausted), (fails(after_words=1), (), StreamInterrupted)],
)
async def test_errors_are_told(fault, kinds, expected) -> None:
    dictation = dictate(make_app(kind("alpha", fault=fault), *kinds))
    dictation.write("One two.")
    dictation.end()
    with pytest.raises(expected):
        await hear(dictation)


async def test_an_unknown_voice_takes_no_turn() -> None:
    app = make_app(kind("alpha"), server={"max_concurrent_requests": 1, "max_queued_requests": 0})
    queue = make_queue(app)
    dictation = dictate(app, SpeechRequest("", voice="nobody"), queue=queue)
    dictation.write("One.")
    dictation.end()
    async with queue.turn():
        with pytest.raises(VoiceNotFound):
            await hear(dictation)


async def test_closing_stops_the_engine() -> None:
    alpha = kind("alpha", fault=hangs(after_words=1))
    app = make_app(alpha, SILENT)
    queue = make_queue(app)
    dictation = dictate(app, queue=queue)
    dictation.write("One two.")
    dictation.end()
    async with aclosing(dictation.chunks()) as chunks:
        await anext(chunks)
        assert alpha.made[0].listeners == 1
    assert alpha.made[0].listeners == 0
    assert queue.running == 0
    assert dictation.report.attempts == ()
