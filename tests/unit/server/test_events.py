from __future__ import annotations

import asyncio
import base64
import json

import pytest

from portevoix.errors import StreamInterrupted
from portevoix.server.events import DELTA_BYTES, done_event, encode_events
from portevoix.speech import SpeechReport, WordMark
from tests.virtual_time import virtual


def read(event: bytes):
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 2
    return json.loads(event[6:])


async def script(*steps):
    for step in steps:
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            yield step


@virtual
async def test_carries_every_byte():
    pieces = [b"RIFF", bytes(range(256)) * 200, b"end"]
    events = [read(event) async for event in encode_events(script(*pieces))]
    assert {event["type"] for event in events} == {"speech.audio.delta"}
    parts = [base64.b64decode(event["audio"]) for event in events]
    assert b"".join(parts) == b"".join(pieces)
    assert max(map(len, parts)) == DELTA_BYTES


@virtual
async def test_stays_alive_while_nothing_comes():
    events = [event async for event in encode_events(script(b"one", 40.0, b"two"))]
    assert [event[:1] for event in events] == [b"d", b":", b":", b"d"]
    assert all(event.endswith(b"\n\n") for event in events)


@virtual
async def test_tells_a_failure_and_raises_it():
    events = []
    with pytest.raises(StreamInterrupted):
        async for event in encode_events(script(b"one", StreamInterrupted("speech broke off"))):
            events.append(event)
    assert read(events[-1])["type"] == "error"
    assert read(events[-1])["error"]["code"] == "stream_interrupted"


@virtual
async def test_closing_it_closes_the_pieces():
    is_closed = False

    async def pieces():
        nonlocal is_closed
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            is_closed = True

    events = encode_events(pieces())
    await anext(events)
    await events.aclose()
    assert is_closed


def test_ends_with_what_happened():
    report = SpeechReport("name", "alpha", "alpha-fr", why_degraded="beta failed", audio_seconds=1.5)
    event = read(done_event("Bonjour", report))
    assert event["type"] == "speech.audio.done"
    assert event["usage"] == {"input_tokens": 7, "output_tokens": 30, "total_tokens": 37}
    assert event["portevoix"] == {
        "engine": "alpha", "voice": "alpha-fr", "fallback": "beta failed", "cache": "miss", "audio_seconds": 1.5,
    }  # fmt: skip


@virtual
async def test_tells_words_before_the_audio_that_they_came_with():
    words = [WordMark(0, 3, 0.1, 0.25, "one"), WordMark(4, 7, 0.3, 0.4004, "two")]
    known = [[words[0]], [], [words[1]]]
    events = [read(event) async for event in encode_events(script(b"one", b"two"), lambda: known.pop(0))]
    assert [event["type"].rpartition(".")[2] for event in events] == ["word", "delta", "delta", "word"]
    assert events[0] == {"type": "speech.word", "text": "one", "start_seconds": 0.1, "end_seconds": 0.25,
                         "phonemes": []}  # fmt: skip
    assert events[-1] == {"type": "speech.word", "text": "two", "start_seconds": 0.3, "end_seconds": 0.4,
                          "phonemes": []}  # fmt: skip
