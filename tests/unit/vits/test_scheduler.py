from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing, suppress

import numpy as np
import pytest

from portevoix.errors import EngineFailed, EngineUnavailable, Overloaded
from portevoix.vits.scheduler import Priority, Scheduler, Terms
from portevoix.vits.utterance import Piece
from tests.hand_clock import HandClock

RATE = 100


class Recital:
    """A job of pieces that last a second each; it writes down when each is worked on, and can be held or fail."""

    def __init__(self, name, count, diary, *, gate=None, error=None):
        self.name = name
        self.count = count
        self.diary = diary
        self.gate = gate
        self.error = error
        self.begun = 0
        self.done = 0

    @property
    def is_finished(self):
        return self.done == self.count

    def next_due_seconds(self, company, workers):
        return float(self.begun) if self.begun < self.count and self.begun == self.done else None

    def take(self):
        self.begun += 1

        def work():
            if self.gate is not None:
                self.gate.wait(10)
            if self.error is not None:
                raise self.error
            self.diary.append(self.name)
            return self.commit

        return work

    def commit(self):
        self.done += 1
        return [Piece(np.zeros(RATE, dtype=np.float32))]


@pytest.fixture
def clock():
    return HandClock(0.0)


@pytest.fixture
def alone(clock):
    scheduler = Scheduler(workers=1, clock=clock, handing_over_seconds=0)
    yield scheduler
    scheduler.close()


async def all_of(scheduler, job, **terms):
    return [piece async for piece in scheduler.pieces(job, Terms("voice", RATE, **terms))]


async def until(claim):
    async with asyncio.timeout(10):
        while not claim():  # noqa: ASYNC110 - what happens on worker threads sets no event
            await asyncio.sleep(0)


async def in_turn(scheduler, diary, clock, asked):
    """Ask for several jobs while the only worker is held, each at its time, then let the worker go."""
    gate = threading.Event()
    tasks = [asyncio.create_task(all_of(scheduler, Recital("held", 1, [], gate=gate)))]
    await until(lambda: scheduler.listeners == 1)
    for number, (job, at, terms) in enumerate(asked):
        clock.seconds = at
        tasks.append(asyncio.create_task(all_of(scheduler, job, **terms)))
        await until(lambda expected=number + 2: scheduler.listeners == expected)
    gate.set()
    await asyncio.gather(*tasks)
    return diary


async def test_pieces_come_in_order_and_end(alone):
    assert len(await all_of(alone, Recital("a", 5, []))) == 5
    assert alone.listeners == 0


async def test_who_asked_first_is_heard_first(alone, clock):
    diary = []
    asked = [(Recital(name, 1, diary), at, {}) for name, at in (("b", 2.0), ("a", 1.0), ("c", 3.0))]
    assert await in_turn(alone, diary, clock, asked) == ["a", "b", "c"]


async def test_the_beginning_of_one_goes_before_the_middle_of_another(alone, clock):
    diary = []
    asked = [(Recital("long", 3, diary), 0.0, {}), (Recital("late", 1, diary), 0.5, {})]
    assert await in_turn(alone, diary, clock, asked) == ["long", "late", "long", "long"]


async def test_who_has_something_to_hear_can_wait(alone, clock):
    diary = []
    asked = [(Recital("sated", 1, diary), 0.0, {"plays_in_seconds": 9.0}), (Recital("hungry", 1, diary), 5.0, {})]
    assert await in_turn(alone, diary, clock, asked) == ["hungry", "sated"]


async def test_background_work_waits_for_listeners(alone, clock):
    diary = []
    asked = [(Recital("back", 1, diary), 0.0, {"priority": Priority.BACKGROUND}), (Recital("front", 3, diary), 9.0, {})]
    assert await in_turn(alone, diary, clock, asked) == ["front", "front", "front", "back"]


async def test_no_more_is_made_ahead_than_agreed(alone):
    diary = []
    async with aclosing(alone.pieces(Recital("a", 50, diary), Terms("voice", RATE, read_ahead_seconds=3))) as pieces:
        await anext(pieces)
        other = await all_of(alone, Recital("b", 20, diary))
        assert len(other) == 20
        assert diary.count("a") <= 5


async def test_a_failure_reaches_its_listener_alone(alone):
    failing = all_of(alone, Recital("a", 3, [], error=EngineFailed("it broke")))
    results = await asyncio.gather(failing, all_of(alone, Recital("b", 3, [])), return_exceptions=True)
    assert isinstance(results[0], EngineFailed)
    assert len(results[1]) == 3
    assert alone.listeners == 0


async def test_what_was_made_before_a_failure_is_heard(alone):
    job = Recital("a", 3, [])
    heard = []
    with suppress(EngineFailed):
        async for piece in alone.pieces(job, Terms("voice", RATE, read_ahead_seconds=0)):
            heard.append(piece)
            job.error = EngineFailed("it broke")
    assert heard
    assert alone.listeners == 0


async def test_programming_errors_are_not_hidden(alone):
    with pytest.raises(ZeroDivisionError):
        await all_of(alone, Recital("a", 1, [], error=ZeroDivisionError()))


async def test_who_leaves_is_forgotten_while_a_step_is_at_work(alone):
    gate, diary = threading.Event(), []
    task = asyncio.create_task(all_of(alone, Recital("a", 9, diary, gate=gate)))
    await until(lambda: alone.listeners == 1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert alone.listeners == 0
    gate.set()
    await all_of(alone, Recital("b", 1, diary))
    assert diary.count("a") <= 1


async def test_closing_fails_what_is_being_spoken():
    scheduler, gate = Scheduler(workers=1), threading.Event()
    task = asyncio.create_task(all_of(scheduler, Recital("a", 2, [], gate=gate)))
    await until(lambda: scheduler.listeners == 1)
    closing = asyncio.create_task(asyncio.to_thread(scheduler.close))
    with pytest.raises(EngineUnavailable, match="closed"):
        await task
    gate.set()
    await closing
    with pytest.raises(EngineUnavailable, match="closed"):
        await all_of(scheduler, Recital("b", 1, []))


async def test_learns_how_much_work_a_voice_is(clock):
    scheduler = Scheduler(workers=1, clock=clock, utilisation=1.0, handing_over_seconds=0)

    class SlowWork(Recital):
        def take(self):
            work = super().take()

            def slow():
                clock.seconds += 0.6
                return work()

            return slow

    await all_of(scheduler, SlowWork("a", 4, []))
    with scheduler.admit("voice"), pytest.raises(Overloaded):
        scheduler.admit("voice")
    scheduler.close()


@pytest.mark.parametrize("workers", [1, 2])
async def test_workers_rest_until_the_first_piece_was_taken(workers):
    scheduler, diary = Scheduler(workers, handing_over_seconds=60), []
    async with aclosing(scheduler.pieces(Recital("a", 3, diary), Terms("v", RATE))) as pieces:
        await anext(pieces)
        assert diary == ["a"]
        await anext(pieces)
    assert diary[:2] == ["a", "a"]
    await asyncio.to_thread(scheduler.close)


async def test_workers_do_not_rest_for_ever():
    scheduler, diary = Scheduler(2, handing_over_seconds=0.001), []
    async with aclosing(scheduler.pieces(Recital("a", 3, diary), Terms("v", RATE))) as pieces:
        await anext(pieces)
        await until(lambda: diary == ["a", "a", "a"])
    await asyncio.to_thread(scheduler.close)


async def test_a_worker_does_not_rest_for_one_who_has_left():
    scheduler, diary = Scheduler(1, handing_over_seconds=60), []
    async with aclosing(scheduler.pieces(Recital("a", 3, diary), Terms("v", RATE))) as pieces:
        await anext(pieces)
    async with aclosing(scheduler.pieces(Recital("b", 1, diary), Terms("v", RATE))) as pieces:
        async with asyncio.timeout(30):
            await anext(pieces)
    await asyncio.to_thread(scheduler.close)
