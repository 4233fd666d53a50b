from __future__ import annotations

import asyncio

import pytest

from portevoix.errors import Overloaded
from portevoix.metrics import Metrics
from portevoix.server.errors import Stopping
from portevoix.server.guest import Guest
from portevoix.server.queue import Queue
from tests.virtual_time import settle, virtual


class Guests:
    """Requests that hold their turns until they are told to go."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.running: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    def come(self, name: str) -> asyncio.Task[None]:
        self._ends[name] = asyncio.Event()
        return asyncio.create_task(self._hold(name))

    def go(self, name: str) -> None:
        self._ends[name].set()

    async def _hold(self, name: str) -> None:
        async with self.queue.turn():
            self.running.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.running.remove(name)


def queue(max_running: int = 2, max_waiting: int = 2, timeout_seconds: float = 30.0, **parts) -> Queue:
    return Queue(max_running, max_waiting, timeout_seconds, clock=asyncio.get_running_loop().time, **parts)


async def leave(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@virtual
async def test_first_come_first_served():
    guests = Guests(queue())
    tasks = [guests.come(name) for name in "abcd"]
    await settle()
    assert guests.running == ["a", "b"]
    assert (guests.queue.running, guests.queue.waiting) == (2, 2)
    guests.go("a")
    await settle()
    assert guests.running == ["b", "c"]
    guests.go("b")
    await settle()
    assert guests.running == ["c", "d"]
    await leave(*tasks)
    assert (guests.queue.running, guests.queue.waiting) == (0, 0)


@virtual
async def test_more_than_may_wait_are_refused_at_once():
    guests = Guests(queue())
    tasks = [guests.come(name) for name in "abcd"]
    await settle()
    with pytest.raises(Overloaded) as caught:
        async with guests.queue.turn():
            pass
    assert caught.value.retry_after_seconds >= 1
    assert asyncio.get_running_loop().time() == 0
    await leave(*tasks)


@virtual
async def test_a_wait_that_is_too_long_is_refused():
    guests = Guests(queue(1, timeout_seconds=5))
    first = guests.come("a")
    await settle()
    with pytest.raises(Overloaded, match="5 s"):
        await guests.come("b")
    assert asyncio.get_running_loop().time() == 5
    assert guests.queue.waiting == 0
    guests.go("a")
    await first
    assert guests.queue.running == 0


@virtual
async def test_who_leaves_the_line_frees_its_place():
    guests = Guests(queue(1))
    first, second, third = (guests.come(name) for name in "abc")
    await settle()
    await leave(second)
    assert guests.queue.waiting == 1
    guests.go("a")
    await first
    await settle()
    assert guests.running == ["c"]
    await leave(third)


@virtual
async def test_a_turn_given_to_one_who_just_leaves_goes_on_to_the_next():
    guests = Guests(queue(1))
    async with guests.queue.turn():
        second, third = (guests.come(name) for name in "bc")
        await settle()
    second.cancel()  # after the turn was handed over, before it was taken
    await settle()
    assert guests.running == ["c"]
    guests.go("c")
    await third
    assert guests.queue.running == 0


@virtual
async def test_a_place_whose_owner_has_just_left_makes_room_for_a_newcomer():
    turns = queue(max_running=1, max_waiting=1)
    guests = Guests(turns)
    first = guests.come("first")
    await settle()
    with turns.seat(Guest("slow", "batch")):
        leaving = guests.come("leaving")
    await settle()
    asyncio.get_running_loop().call_later(1, guests.go, "first")
    leaving.cancel()
    async with turns.turn():  # before the task that was cancelled has noticed
        assert (turns.running, turns.waiting) == (1, 0)
    await leave(first, leaving)


@virtual
async def test_an_error_in_a_turn_gives_it_back():
    one = queue(1, 0)
    with pytest.raises(ValueError, match="inside"):
        async with one.turn():
            raise ValueError("inside")
    async with one.turn():
        assert one.running == 1


@virtual
async def test_closed_it_sends_away_who_waits_and_lets_who_runs_finish():
    guests = Guests(queue(1))
    first, second = guests.come("a"), guests.come("b")
    await settle()
    guests.queue.close()
    with pytest.raises(Stopping):
        await second
    with pytest.raises(Stopping):
        await guests.come("c")
    assert guests.running == ["a"]
    guests.go("a")
    await first
    assert guests.queue.running == 0


@virtual
async def test_retry_after_follows_how_long_turns_last():
    guests = Guests(queue(1, 1))
    for name in "abcdefgh":
        task = guests.come(name)
        await asyncio.sleep(20)
        guests.go(name)
        await task
    tasks = [guests.come(name) for name in "xy"]
    await settle()
    with pytest.raises(Overloaded) as caught:
        await guests.come("z")
    assert 20 < caught.value.retry_after_seconds <= 30
    await leave(*tasks)


@virtual
async def test_shows_itself_in_the_metrics():
    metrics = Metrics()
    guests = Guests(queue(1, 1, metrics=metrics))
    tasks = [guests.come(name) for name in "ab"]
    await settle()
    with pytest.raises(Overloaded):
        await guests.come("c")
    page = metrics.page().decode()
    assert "tts_queue_running 1.0" in page
    assert "tts_queue_waiting 1.0" in page
    assert "tts_queue_refused_total 1.0" in page
    await leave(*tasks)
    page = metrics.page().decode()
    assert "tts_queue_running 0.0" in page
    assert "tts_queue_waiting 0.0" in page
