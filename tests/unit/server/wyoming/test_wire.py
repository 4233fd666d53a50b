from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.server.wyoming.wire import Event, UnreadableEvent, read_event, write_event

LIMIT = 65_536
values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


async def read(content: bytes) -> list[Event]:
    reader = asyncio.StreamReader(limit=LIMIT)
    reader.feed_data(content)
    reader.feed_eof()
    events = []
    while (event := await read_event(reader, LIMIT)) is not None:
        events.append(event)
    return events


@given(st.text(), st.dictionaries(st.text(), values, max_size=5), st.binary(max_size=100))
def test_what_is_written_is_read(kind, data, payload) -> None:
    event, after = Event(kind, data, payload), Event("ping")
    assert asyncio.run(read(write_event(event) + write_event(after))) == [Event(kind, data), after]


async def test_data_may_stand_in_the_line() -> None:
    content = b'{"type": "a", "data": {"b": 1, "c": 1}, "data_length": 8}\n{"c": 2}'
    assert await read(content) == [Event("a", {"b": 1, "c": 2})]


@given(st.binary(max_size=300))
def test_any_bytes_are_events_or_refused(content) -> None:
    with suppress(UnreadableEvent):
        asyncio.run(read(content))


@pytest.mark.parametrize("cut", [5, 20, 45, 60])
async def test_an_event_that_is_cut_is_the_end(cut) -> None:
    whole = write_event(Event("audio-chunk", {"rate": 1}, b"1234"))
    assert cut < len(whole)
    assert await read(whole[:cut]) == []


@pytest.mark.parametrize("name", ["data_length", "payload_length"])
async def test_sizes_beyond_the_limit_are_refused_unread(name) -> None:
    with pytest.raises(UnreadableEvent):
        await read(json.dumps({"type": "a", name: LIMIT + 1}).encode() + b"\n")
