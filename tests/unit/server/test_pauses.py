from __future__ import annotations

import asyncio
from contextlib import aclosing

from portevoix.server.pauses import with_pauses


async def test_a_pause_is_told_and_nothing_is_lost_by_it():
    go_on, closed = asyncio.Event(), asyncio.Event()

    async def pieces():
        try:
            yield "one"
            await go_on.wait()
            yield "two"
        finally:
            closed.set()

    heard = []
    async with aclosing(with_pauses(pieces(), 0.01)) as stream:
        async for piece in stream:
            heard.append(piece)
            if piece is None:
                go_on.set()
    assert [piece for piece in heard if piece] == ["one", "two"]
    assert None in heard
    assert closed.is_set()


async def test_whoever_leaves_in_a_pause_closes_the_source():
    closed = asyncio.Event()

    async def pieces():
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            closed.set()

    async with aclosing(with_pauses(pieces(), 0.01)) as stream:
        assert await anext(stream) is None
    assert closed.is_set()
