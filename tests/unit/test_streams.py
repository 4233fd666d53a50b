from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing, suppress

import numpy as np
import pytest

from portevoix.audio import AudioChunk
from portevoix.errors import EngineFailed, EngineTimeout
from portevoix.streams import read_ahead, within
from tests.chunk_script import Script, collect, collect_into, pieces
from tests.virtual_time import settle, virtual

ONE, TWO, THREE = pieces(3)
WRAPPINGS = [
    pytest.param(lambda stream: read_ahead(stream, 0), id="read nothing ahead"),
    pytest.param(lambda stream: read_ahead(stream, 0.15), id="read ahead"),
    pytest.param(lambda stream: read_ahead(stream, 1e9), id="read all ahead"),
    pytest.param(lambda stream: within(stream, 10, 10), id="within"),
    pytest.param(lambda stream: within(stream, None, None), id="within any time"),
]
each_wrapping = pytest.mark.parametrize("wrap", WRAPPINGS)


def others():
    return asyncio.all_tasks() - {asyncio.current_task()}


def now():
    return asyncio.get_running_loop().time()


@each_wrapping
@virtual
async def test_everything_is_passed_on(wrap):
    script = Script(ONE, 0.1, TWO, THREE)
    assert await collect(wrap(script.stream())) == [ONE, TWO, THREE]
    assert (script.closed, others()) == (1, set())


@each_wrapping
@virtual
async def test_an_empty_stream_stays_empty(wrap):
    assert await collect(wrap(Script().stream())) == []


@each_wrapping
@pytest.mark.parametrize("error", [EngineFailed("it broke"), ZeroDivisionError(), TimeoutError("its own")])
@virtual
async def test_errors_come_out_after_the_chunks_before_them(wrap, error):
    script, heard = Script(ONE, TWO, error), []
    with pytest.raises(type(error)) as caught:
        await collect_into(heard, wrap(script.stream()), settle)
    assert caught.value is error
    assert (heard, script.closed, others()) == ([ONE, TWO], 1, set())


@each_wrapping
@pytest.mark.parametrize("steps", [(ONE, ...), (ONE, 5, TWO), (ONE, TWO, THREE)])
@virtual
async def test_closing_closes_the_source(wrap, steps):
    script = Script(*steps)
    async with aclosing(wrap(script.stream())) as chunks:
        await anext(chunks)
        await settle()
    assert (script.closed, others(), now()) == (1, set(), 0)


@each_wrapping
@pytest.mark.parametrize("turns", range(8))
@virtual
async def test_cancelling_at_any_turn_closes_the_source(wrap, turns):
    script = Script(ONE, TWO, 0, THREE, ...)
    listener = asyncio.create_task(collect(wrap(script.stream())))
    for _ in range(turns):
        await asyncio.sleep(0)
    listener.cancel()
    await asyncio.wait([listener])
    assert listener.cancelled()
    assert (script.closed, others()) == (script.starts, set())


@each_wrapping
@virtual
async def test_a_forgotten_stream_is_tidied_up(wrap):
    script = Script(ONE, ...)
    stream = wrap(script.stream())
    await anext(stream)
    del stream
    gc.collect()
    await settle()
    assert (script.closed, others()) == (1, set())


@each_wrapping
@virtual
async def test_a_source_that_somebody_else_cancelled_is_a_failure(wrap):
    listener = asyncio.create_task(collect(wrap(Script(...).stream())))
    await settle()
    (pump,) = others() - {listener}
    pump.cancel()
    with pytest.raises(EngineFailed):
        await listener


@each_wrapping
@virtual
async def test_trouble_in_closing_is_told_to_the_log(wrap, caplog):
    async def troubled():
        try:
            while True:
                yield ONE
                await asyncio.sleep(0.1)
        finally:
            raise OSError("no")

    async with aclosing(wrap(troubled())) as chunks:
        await anext(chunks)
    assert [record.getMessage() for record in caplog.records] == ["stream.close_failed"]


@each_wrapping
@virtual
async def test_a_source_that_will_not_be_cancelled_is_closed_at_its_next_chunk(wrap):
    closed = []

    async def stubborn():
        try:
            yield ONE
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            yield TWO
        finally:
            closed.append(True)

    async with aclosing(wrap(stubborn())) as chunks:
        await anext(chunks)
        waiting = asyncio.ensure_future(anext(chunks))
        await settle()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert (closed, others()) == ([True], set())


@pytest.mark.parametrize(("seconds", "ready"), [(0, 0), (0.05, 1), (0.1, 1), (0.11, 2), (0.35, 4), (99, 10)])
@virtual
async def test_reading_ahead_is_bounded_in_seconds(seconds, ready):
    chunks = pieces(11)  # of 0.1 s
    script = Script(*chunks)
    async with aclosing(read_ahead(script.stream(), seconds)) as stream:
        for taken in range(1, 11):
            await anext(stream)
            await settle()
            assert script.pulled == min(taken + ready, 11)


@virtual
async def test_reading_ahead_bridges_a_pause():
    script = Script(ONE, TWO, 3, THREE)
    times = []
    async for _ in read_ahead(script.stream(), 1):
        times.append(now())
        await asyncio.sleep(2)
    assert times == [0, 2, 4]


@virtual
async def test_reading_ahead_waits_for_a_stubborn_source_to_close():
    script = Script(ONE, ..., stubborn_seconds=5)
    async with aclosing(read_ahead(script.stream(), 1)) as stream:
        await anext(stream)
    assert (script.closed, now()) == (1, 5)


@pytest.mark.parametrize(("steps", "seconds", "heard"), [
    ((2.5, ONE), 2, []),
    ((...,), 2, []),
    ((1.5, ONE, 0.9, TWO, 1.1, THREE), 3.4, [ONE, TWO]),
    ((1.5, ONE, ...), 2.5, [ONE]),
    ((ONE, TWO, 1.5), 1, [ONE, TWO]),  # the end comes too late
])  # fmt: skip
@virtual
async def test_what_comes_late_is_an_error(steps, seconds, heard):
    script, got = Script(*steps), []
    with pytest.raises(EngineTimeout) as caught:
        await collect_into(got, within(script.stream(), 2, 1))
    assert got == heard
    assert now() == pytest.approx(seconds)
    assert (script.closed, others()) == (1, set())
    assert ("first" in str(caught.value)) is (heard == [])
    assert caught.value.hint


@virtual
async def test_a_listener_may_take_any_time():
    script, got = Script(1.9, ONE, 0.9, TWO, 0.9, THREE), []
    async for chunk in within(script.stream(), 2, 1):
        got.append(chunk)
        await asyncio.sleep(60)
    assert got == [ONE, TWO, THREE]


@virtual
async def test_nothing_is_pulled_before_it_is_asked_for():
    script = Script(ONE, TWO, THREE)
    async with aclosing(within(script.stream(), 1, 1)) as stream:
        await anext(stream)
        await settle()
        assert script.pulled == 1


@virtual
async def test_a_source_that_hangs_in_closing_does_not_hold_up_the_error():
    script = Script(..., stubborn_seconds=60)
    with pytest.raises(EngineTimeout):
        await collect(within(script.stream(), 2, 1))
    assert now() == pytest.approx(2.02)
    assert script.closed == 0
    await asyncio.wait(others())
    assert (script.closed, now()) == (1, pytest.approx(62))


@virtual
async def test_one_inside_the_other():
    script = Script(1, ONE, 0.5, TWO, ...)
    stream, got = read_ahead(within(script.stream(), 2, 1), 5), []
    with pytest.raises(EngineTimeout):
        await collect_into(got, stream)
    assert (got, script.closed, others()) == ([ONE, TWO], 1, set())


@virtual
async def test_who_has_audio_to_hear_may_wait_for_more_as_long_where_that_counts():
    async def chunks():
        yield tone_of(5.0)
        await asyncio.sleep(4.0)
        yield tone_of(1.0)
        await asyncio.sleep(4.0)
        yield tone_of(1.0)

    def tone_of(seconds):
        return AudioChunk(np.zeros(int(8000 * seconds), np.float32), 8000)

    heard = []
    with pytest.raises(EngineTimeout):
        async for chunk in within(chunks(), 1.0, 1.0, counts_ahead=True):
            heard.append(chunk)
    assert [chunk.seconds for chunk in heard] == [5.0, 1.0]
