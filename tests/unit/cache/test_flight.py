from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing, suppress

import pytest

from portevoix.cache.flight import Flights
from portevoix.errors import EngineFailed
from tests.chunk_script import Script, collect, collect_into, pieces
from tests.virtual_time import settle, virtual

ONE, TWO, THREE = pieces(3)


class Hangar:
    """Flights of one script, and what they kept."""

    def __init__(self, *steps, **kwargs):
        self.script = Script(*steps, **kwargs)
        self.flights = Flights()
        self.kept = []

    def join(self, key="a"):
        return self.flights.join(key, self.script.stream, self.kept.append)

    def listen(self, key="a"):
        return self.join(key).listen()


def others():
    """Return the tasks that are left beside the test's own."""
    return asyncio.all_tasks() - {asyncio.current_task()}


@virtual
async def test_one_listener_hears_everything_and_it_is_kept():
    hangar = Hangar(ONE, 0.1, TWO, 0.1, THREE)
    assert await collect(hangar.listen()) == [ONE, TWO, THREE]
    assert hangar.kept == [(ONE, TWO, THREE)]
    assert (hangar.script.starts, hangar.script.closed, len(hangar.flights)) == (1, 1, 0)


@virtual
async def test_a_herd_is_served_by_one_producer():
    hangar = Hangar(0.1, ONE, 0.1, TWO, 0.1, THREE)
    heard = await asyncio.gather(*(collect(hangar.listen()) for _ in range(100)))
    assert heard == [[ONE, TWO, THREE]] * 100
    assert hangar.script.starts == 1
    assert hangar.kept == [(ONE, TWO, THREE)]


@virtual
async def test_a_late_listener_hears_everything_from_the_beginning():
    hangar = Hangar(ONE, 1, TWO, 1, THREE)
    first = asyncio.create_task(collect(hangar.listen()))
    await asyncio.sleep(1.5)
    late = hangar.listen()
    assert [await anext(late), await anext(late)] == [ONE, TWO]
    assert asyncio.get_running_loop().time() == 1.5
    assert await collect(late) == [THREE]
    assert await first == [ONE, TWO, THREE]
    assert hangar.script.starts == 1


@virtual
async def test_different_keys_do_not_meet():
    hangar = Hangar(ONE)
    await asyncio.gather(collect(hangar.listen("a")), collect(hangar.listen("b")))
    assert hangar.script.starts == 2


@virtual
async def test_production_begins_with_the_first_listener_and_waits_for_none():
    hangar = Hangar(ONE, TWO, THREE)
    async with aclosing(hangar.listen()) as chunks:
        await settle()
        assert (hangar.script.starts, len(others())) == (0, 0)
        await anext(chunks)
        await settle()
        assert (hangar.script.pulled, hangar.script.closed) == (3, 1)
        assert [await anext(chunks), await anext(chunks)] == [TWO, THREE]


@virtual
async def test_a_slow_listener_does_not_hold_up_a_fast_one():
    hangar = Hangar(ONE, 1, TWO, 1, THREE)
    slow = hangar.listen()
    assert await anext(slow) == ONE
    assert await collect(hangar.listen()) == [ONE, TWO, THREE]
    assert await collect(slow) == [TWO, THREE]
    assert len(hangar.kept) == 1


@pytest.mark.parametrize("before", [[], [ONE], [ONE, 0.1, TWO]])
@virtual
async def test_an_error_reaches_every_listener_once_after_the_chunks(before):
    error = EngineFailed("it broke")
    hangar = Hangar(*before, error)

    async def listen():
        heard, stream = [], hangar.listen()
        with pytest.raises(EngineFailed) as caught:
            await collect_into(heard, stream)
        assert caught.value is error
        assert await collect(stream) == []
        return heard

    chunks = [step for step in before if not isinstance(step, float)]
    assert await asyncio.gather(*(listen() for _ in range(5))) == [chunks] * 5
    assert (hangar.kept, hangar.script.closed, len(hangar.flights)) == ([], 1, 0)


@virtual
async def test_an_error_does_not_collect_the_traces_of_its_listeners():
    hangar = Hangar(EngineFailed("it broke"))

    async def depth():
        try:
            await collect(hangar.listen())
        except EngineFailed as error:
            trace, frames = error.__traceback__, 0
            while trace is not None:
                trace, frames = trace.tb_next, frames + 1
            return frames

    assert len(set(await asyncio.gather(*(depth() for _ in range(20))))) == 1


@virtual
async def test_a_flight_that_failed_is_not_joined_again():
    hangar = Hangar(ONE, EngineFailed("it broke"))
    first = hangar.listen()
    await anext(first)
    with pytest.raises(EngineFailed):
        await collect(hangar.listen())
    hangar.script.steps = (TWO,)
    assert await collect(hangar.listen()) == [TWO]
    with pytest.raises(EngineFailed):
        await collect(first)


@virtual
async def test_programming_errors_reach_the_listener_as_they_are():
    with pytest.raises(ZeroDivisionError):
        await collect(Hangar(ZeroDivisionError()).listen())


@virtual
async def test_an_error_in_keeping_is_seen():
    def refuse(_):
        raise TypeError("a mistake")

    script = Script(ONE)
    with pytest.raises(TypeError, match="a mistake"):
        await collect(Flights().join("a", script.stream, refuse).listen())


@virtual
async def test_an_error_in_starting_is_seen():
    def start():
        raise TypeError("a mistake")

    flights = Flights()
    with pytest.raises(TypeError, match="a mistake"):
        await collect(flights.join("a", start).listen())
    assert len(flights) == 0


@pytest.mark.parametrize("steps", [(ONE, ...), (ONE, 1, TWO, 1, THREE), (ONE, 5, TWO)])
@virtual
async def test_when_the_last_one_leaves_the_producer_is_closed_at_once(steps):
    hangar = Hangar(*steps)
    async with aclosing(hangar.listen()) as chunks:
        await anext(chunks)
    assert (hangar.script.closed, hangar.kept, "a" in hangar.flights, others()) == (1, [], False, set())
    assert asyncio.get_running_loop().time() == 0


@virtual
async def test_the_key_is_free_while_a_stubborn_producer_still_closes():
    hangar = Hangar(ONE, ..., stubborn_seconds=7)
    stream = hangar.listen()
    await anext(stream)
    leaving = asyncio.create_task(stream.aclose())
    await settle()
    hangar.script.steps = (TWO,)
    hangar.script.stubborn_seconds = 0
    assert await collect(hangar.listen()) == [TWO]
    assert not leaving.done()
    await leaving
    assert asyncio.get_running_loop().time() == 7


@virtual
async def test_as_long_as_one_listens_it_goes_on_and_is_kept():
    hangar = Hangar(ONE, 1, TWO)
    leaver, stayer = hangar.listen(), asyncio.create_task(collect(hangar.listen()))
    await anext(leaver)
    await leaver.aclose()
    assert await stayer == [ONE, TWO]
    assert hangar.kept == [(ONE, TWO)]


@pytest.mark.parametrize("seconds", [0.5, 1, 1.5, 2])
@virtual
async def test_a_cancelled_listener_takes_nobody_along(seconds):
    hangar = Hangar(1, ONE, 1, TWO)
    cancelled = [asyncio.create_task(collect(hangar.listen())) for _ in range(3)]
    stayer = asyncio.create_task(collect(hangar.listen()))
    await asyncio.sleep(seconds)
    for task in cancelled:
        task.cancel()
    assert await stayer == [ONE, TWO]
    await asyncio.wait(cancelled)


@pytest.mark.parametrize("turns", range(1, 13))
@virtual
async def test_all_cancelled_at_any_turn_leave_nothing_behind(turns):
    hangar = Hangar(ONE, TWO, 0, THREE, ...)
    listeners = [asyncio.create_task(collect(hangar.listen())) for _ in range(3)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in listeners:
        task.cancel()
    await asyncio.wait(listeners)
    assert (len(hangar.flights), others(), hangar.script.closed) == (0, set(), hangar.script.starts)
    assert all(task.cancelled() for task in listeners)


@virtual
async def test_a_listener_cancelled_between_chunks_does_not_block_the_rest():
    hangar = Hangar(ONE, TWO, THREE)

    async def dawdle(stream):
        async with aclosing(stream):
            await anext(stream)
            await asyncio.sleep(100)

    dawdler = asyncio.create_task(dawdle(hangar.listen()))
    await settle()
    other = hangar.listen()
    await anext(other)
    dawdler.cancel()
    await asyncio.wait([dawdler])
    assert await collect(other) == [TWO, THREE]


@virtual
async def test_joining_without_listening_leaves_nothing():
    hangar = Hangar(ONE)
    flight = hangar.join()
    assert hangar.join() is flight
    del flight
    gc.collect()
    assert len(hangar.flights) == 0


@virtual
async def test_who_joined_and_listens_after_the_others_left_hears_it_all():
    hangar = Hangar(ONE, 1, TWO)
    late = hangar.join()
    async with aclosing(hangar.listen()) as chunks:
        await anext(chunks)
    assert await collect(late.listen()) == [ONE, TWO]
    assert (hangar.script.starts, hangar.script.closed) == (2, 2)


@virtual
async def test_who_joined_and_listens_after_the_end_hears_it_all():
    hangar = Hangar(ONE, TWO)
    late = hangar.join()
    await collect(hangar.listen())
    assert await collect(late.listen()) == [ONE, TWO]
    assert hangar.script.starts == 1


@virtual
async def test_a_producer_that_will_not_be_cancelled_is_closed_at_its_next_chunk():
    closed = []

    async def stubborn():
        try:
            yield ONE
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            yield TWO
        finally:
            closed.append(True)

    flights, kept = Flights(), []
    async with aclosing(flights.join("a", stubborn, kept.append).listen()) as chunks:
        await anext(chunks)
        waiting = asyncio.ensure_future(anext(chunks))
        await settle()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert (closed, kept, others()) == ([True], [], set())


@virtual
async def test_a_producer_that_somebody_else_cancelled_is_a_failure():
    hangar = Hangar(ONE, ...)
    listener = asyncio.create_task(collect(hangar.listen()))
    await settle()
    (producer,) = others() - {listener}
    producer.cancel()
    with pytest.raises(EngineFailed):
        await listener


@virtual
async def test_trouble_in_closing_is_told_to_the_log(caplog):
    async def troubled():
        try:
            yield ONE
            await asyncio.Event().wait()
        finally:
            raise OSError("no")

    async with aclosing(Flights().join("a", troubled).listen()) as chunks:
        await anext(chunks)
    assert [record.getMessage() for record in caplog.records] == ["flight.close_failed"]


@virtual
async def test_a_forgotten_listener_is_tidied_up():
    hangar = Hangar(ONE, ...)
    stream = hangar.listen()
    await anext(stream)
    del stream
    gc.collect()
    await settle()
    assert (hangar.script.closed, len(hangar.flights), others()) == (1, 0, set())
