from __future__ import annotations

import asyncio

import pytest

from portevoix.errors import Overloaded
from portevoix.server.errors import Stopping
from portevoix.server.guest import Guest, Limits
from portevoix.server.queue import Queue
from tests.virtual_time import settle, virtual


class Crowd:
    """Clients that come, hold their turns for a while, and go; `served` tells the order of their turns."""

    def __init__(self, max_running: int = 1, max_waiting: int = 100, timeout_seconds: float = 10_000) -> None:
        clock = asyncio.get_running_loop().time
        self.queue = Queue(max_running, max_waiting, timeout_seconds, clock=clock)
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    def come(self, client: str, priority="interactive", seconds: float = 1.0, **limits: int) -> asyncio.Task[None]:
        task = asyncio.create_task(self._hold(Guest(client, priority, Limits(**limits)), seconds))
        self.tasks.append(task)
        return task

    async def _hold(self, guest: Guest, seconds: float) -> None:
        with self.queue.seat(guest):
            async with self.queue.turn():
                self.served.append(guest.client)
                await asyncio.sleep(seconds)

    async def gather(self) -> None:
        await asyncio.gather(*self.tasks, return_exceptions=True)


@virtual
async def test_one_client_with_a_hundred_requests_does_not_starve_another():
    crowd = Crowd()
    for _ in range(50):
        crowd.come("greedy")
    await settle()
    crowd.come("modest")
    crowd.come("modest")
    await crowd.gather()
    assert [place for place, client in enumerate(crowd.served) if client == "modest"] == [1, 3]


@virtual
async def test_turns_go_round_among_many():
    crowd = Crowd()
    for client in "aabbcc":
        crowd.come(client)
    await crowd.gather()
    assert crowd.served == list("abcabc")


@virtual
async def test_who_has_fewer_turns_running_is_next():
    crowd = Crowd(max_running=2)
    crowd.come("a", seconds=100)
    crowd.come("a", seconds=5)
    await settle()
    crowd.come("a")
    crowd.come("b")
    await asyncio.sleep(6)
    assert crowd.served == ["a", "a", "b"]
    await crowd.gather()


@virtual
async def test_interactive_before_batch_which_does_not_starve():
    crowd = Crowd()
    for _ in range(20):
        crowd.come("batch", "batch")
    await settle()
    for _ in range(20):
        crowd.come("person")
    await crowd.gather()
    assert crowd.served[0] == "batch"
    first = crowd.served[1:21]
    assert first.count("person") == 16
    assert first.index("batch") == 4, "each fifth turn"
    assert len(crowd.served) == 40


@virtual
async def test_batches_leave_a_turn_free():
    crowd = Crowd(max_running=4)
    for _ in range(8):
        crowd.come("batch", "batch", seconds=100)
    await settle()
    assert crowd.queue.running == 3
    crowd.come("person", seconds=100)
    await settle()
    assert crowd.served[-1] == "person"
    assert crowd.queue.running == 4
    await crowd.gather()
    assert crowd.queue.running == 0


@virtual
async def test_in_a_full_line_the_greediest_makes_room():
    crowd = Crowd(max_waiting=4)
    greedy = [crowd.come("greedy", seconds=10) for _ in range(5)]
    await settle()
    modest = crowd.come("modest")
    await settle()
    with pytest.raises(Overloaded):
        await greedy[-1]
    assert crowd.queue.waiting == 4
    with pytest.raises(Overloaded):
        await crowd.come("greedy")
    await modest
    await crowd.gather()
    assert crowd.queue.refused == 2


@virtual
async def test_a_batch_makes_room_for_a_person_but_no_person_for_a_batch():
    crowd = Crowd(max_waiting=2)
    crowd.come("person", seconds=10)
    await settle()
    crowd.come("batch", "batch")
    last = crowd.come("batch", "batch")
    await settle()
    crowd.come("person")
    await settle()
    with pytest.raises(Overloaded):
        await last
    with pytest.raises(Overloaded):
        await crowd.come("other", "batch")
    await crowd.gather()


@virtual
async def test_more_at_once_than_a_key_may_is_refused_at_once():
    crowd = Crowd(max_running=10)
    first = crowd.come("k", concurrent=2, seconds=5)
    crowd.come("k", concurrent=2, seconds=50)
    await settle()
    with pytest.raises(Overloaded, match="2 things at once"):
        await crowd.come("k", concurrent=2)
    crowd.come("other", concurrent=2)
    await first
    crowd.come("k", concurrent=2)
    await crowd.gather()
    assert crowd.served.count("k") == 3


@virtual
async def test_requests_a_minute():
    crowd = Crowd(max_running=10)
    for _ in range(3):
        await crowd.come("k", requests_per_minute=3, seconds=0)
    with pytest.raises(Overloaded) as caught:
        await crowd.come("k", requests_per_minute=3)
    assert caught.value.retry_after_seconds == pytest.approx(20)
    await crowd.come("other", requests_per_minute=3)
    await asyncio.sleep(20)
    await crowd.come("k", requests_per_minute=3)


@virtual
async def test_characters_a_minute():
    queue = Queue(10, 10, 10, clock=asyncio.get_running_loop().time)
    with queue.seat(Guest("k", limits=Limits(characters_per_minute=600))):
        async with queue.turn(500):
            pass
        with pytest.raises(Overloaded, match="600 characters"):
            queue.charge(200)
        await asyncio.sleep(10)
        queue.charge(200)
        await asyncio.sleep(60)
        async with queue.turn(5000):  # longer than a minute's worth: once, and then a rest
            pass
        with pytest.raises(Overloaded) as caught:
            queue.charge(1)
        assert caught.value.retry_after_seconds > 400
        assert queue.refused == 2


@virtual
async def test_limits_can_be_changed_while_some_wait():
    crowd = Crowd()
    for _ in range(4):
        crowd.come("a", seconds=50)
    await settle()
    assert (crowd.queue.running, crowd.queue.waiting) == (1, 3)
    crowd.queue.limit(3, 10, 100)
    await settle()
    assert (crowd.queue.running, crowd.queue.waiting) == (3, 1)
    assert crowd.queue.describe() == {
        "running": 3, "waiting": 1, "refused": 0, "limits": {"running": 3, "waiting": 10, "wait_seconds": 100},
        "clients": [{"client": "a", "running": 3, "waiting": 1}],
    }  # fmt: skip
    crowd.queue.close()
    with pytest.raises(Stopping):
        await crowd.tasks[-1]
    await crowd.gather()


@virtual
async def test_leaving_in_any_order_loses_no_turn():
    crowd = Crowd(max_running=2, max_waiting=50)
    for number in range(40):
        crowd.come("abc"[number % 3], "batch" if number % 4 == 0 else "interactive", seconds=number % 5)
    for number, task in enumerate(crowd.tasks):
        if number % 3 == 0:
            task.cancel()
        await asyncio.sleep(0.3)
    await crowd.gather()
    assert (crowd.queue.running, crowd.queue.waiting, crowd.queue.describe()["clients"]) == (0, 0, [])


@virtual
async def test_a_seat_tells_whether_it_holds_a_turn():
    queue = Queue(1, 1, 10, clock=asyncio.get_running_loop().time)
    with queue.seat(Guest("a")) as seat:
        assert seat.free.is_set()
        async with queue.turn():
            assert not seat.free.is_set()
        assert seat.free.is_set()
