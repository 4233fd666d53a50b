from __future__ import annotations

import asyncio
import os

import pytest

from portevoix.cli import blocking
from portevoix.cli.incoming import IncomingText


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


async def test_text_is_given_out_as_it_arrives(pipe):
    pieces = IncomingText(pipe[0]).pieces()
    os.write(pipe[1], b"Bonjour ")
    assert await anext(pieces) == "Bonjour "
    os.write(pipe[1], b"\xc3\xa0 tous \xc3")
    assert await anext(pieces) == "à tous "
    os.write(pipe[1], b"\xa9t\xc3\xa9")
    os.close(pipe[1])
    assert [piece async for piece in pieces] == ["été"]


async def test_a_byte_order_mark_is_no_text(pipe):
    incoming = IncomingText(pipe[0])
    os.write(pipe[1], b"\xef\xbb\xbfBonjour")
    os.close(pipe[1])
    assert [piece async for piece in incoming.pieces()] == ["Bonjour"]
    assert incoming.beginning == "Bonjour"
    assert not incoming.has_broken_bytes


async def test_what_is_not_utf_8_is_noted(pipe):
    incoming = IncomingText(pipe[0])
    os.write(pipe[1], b"cl\xe9 et \xc3")
    os.close(pipe[1])
    assert "".join([piece async for piece in incoming.pieces()]) == "cl\ufffd et \ufffd"
    assert incoming.has_broken_bytes


async def test_a_reader_that_waits_for_ever_can_be_left(pipe):
    reading = asyncio.create_task(anext(IncomingText(pipe[0]).pieces()))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    os.write(pipe[1], b"late")


async def test_what_a_blocking_call_raises_is_raised_where_it_was_made():
    with pytest.raises(ZeroDivisionError):
        await blocking.call(divmod, 1, 0)
    assert await blocking.call(divmod, 7, 2) == (3, 1)
