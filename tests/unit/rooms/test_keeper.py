from __future__ import annotations

import asyncio

import pytest

from portevoix.engine import Phase
from portevoix.errors import EngineFailed, EngineUnavailable
from portevoix.rooms.keeper import LONGEST_PAUSE_SECONDS, Keeper, pause_seconds


class ScriptedLife:
    def __init__(self):
        self.gone = asyncio.Event()
        self.is_closed = False
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def aclose(self):
        self.gone.set()
        await self.may_end.wait()
        self.is_closed = True


class Births:
    """Begin lives, or fail, as the script says; `None` is a life."""

    def __init__(self, *script):
        self.script = list(script)
        self.lives = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def begin(self):
        await self.gate.wait()
        outcome = self.script.pop(0) if self.script else None
        if outcome is not None:
            raise outcome
        self.lives.append(ScriptedLife())
        return self.lives[-1]


class Pauses:
    """Rest until somebody opens the gate; write down for how long it should have been."""

    def __init__(self):
        self.seconds = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()

    async def __call__(self, seconds):
        self.seconds.append(seconds)
        self.begun.set()
        await self.gate.wait()


async def test_several_tasks_share_one_life():
    births = Births()
    keeper = Keeper("x", births.begin)
    lives = await asyncio.gather(*(keeper.get() for _ in range(5)))
    assert set(lives) == set(births.lives)
    assert len(births.lives) == 1
    await keeper.aclose()
    assert births.lives[0].is_closed


async def test_after_the_first_death_another_life_begins_at_once():
    births, pauses = Births(), Pauses()
    keeper = Keeper("x", births.begin, pauses)
    first = await keeper.get()
    first.gone.set()
    second = await keeper.get()
    assert second is not first
    assert first.is_closed
    assert pauses.seconds == []
    await keeper.aclose()


async def test_deaths_in_a_row_are_followed_by_growing_pauses():
    births, pauses = Births(), Pauses()
    pauses.gate.set()
    keeper = Keeper("x", births.begin, pauses)
    for deaths in range(1, 5):
        (await keeper.get()).gone.set()
        while len(births.lives) <= deaths:  # noqa: ASYNC110 - until the keeping task has moved
            await asyncio.sleep(0)
    assert pauses.seconds == [0.5, 1.0, 2.0]
    await keeper.aclose()


async def test_work_done_makes_the_next_death_a_first_one():
    births, pauses = Births(), Pauses()
    keeper = Keeper("x", births.begin, pauses)
    for _ in range(3):
        (await keeper.get()).gone.set()
        await keeper.get()
        keeper.praise()
    assert pauses.seconds == []
    await keeper.aclose()


async def test_while_it_rests_it_refuses_at_once_and_then_goes_on():
    births, pauses = Births(), Pauses()
    keeper = Keeper("x", births.begin, pauses)
    (await keeper.get()).gone.set()
    (await keeper.get()).gone.set()
    await pauses.begun.wait()
    assert keeper.state().phase is Phase.UNAVAILABLE
    with pytest.raises(EngineUnavailable, match="x rests"):
        await keeper.get()
    pauses.gate.set()
    while keeper.state().phase is Phase.UNAVAILABLE:  # noqa: ASYNC110 - until the keeping task has moved
        await asyncio.sleep(0)
    assert await keeper.get() is births.lives[2]
    await keeper.aclose()


async def test_a_worker_that_never_came_up_is_tried_again_only_when_asked():
    births = Births(EngineUnavailable("no device"), None)
    keeper = Keeper("x", births.begin)
    with pytest.raises(EngineUnavailable, match="no device"):
        await keeper.get()
    assert keeper.state().phase is Phase.UNAVAILABLE
    assert births.lives == []
    assert await keeper.get() is births.lives[0]
    assert keeper.state().phase is Phase.READY
    await keeper.aclose()


async def test_a_worker_that_has_lived_is_tried_again_by_itself():
    births, pauses = Births(None, EngineFailed("the file is busy"), None), Pauses()
    pauses.gate.set()
    keeper = Keeper("x", births.begin, pauses)
    (await keeper.get()).gone.set()
    while len(births.lives) < 2:  # noqa: ASYNC110 - until the keeping task has moved
        await asyncio.sleep(0)
    assert await keeper.get() is births.lives[1]
    assert pauses.seconds == [0.5]
    await keeper.aclose()


async def test_a_programming_error_reaches_whoever_asked():
    keeper = Keeper("x", Births(TypeError("wrong call")).begin)
    with pytest.raises(TypeError, match="wrong call"):
        await keeper.get()
    await keeper.aclose()


async def test_whoever_waits_is_told_when_it_is_closed():
    births = Births()
    births.gate.clear()
    keeper = Keeper("x", births.begin)
    waiting = asyncio.create_task(keeper.get())
    while keeper.state().phase is not Phase.LOADING:  # noqa: ASYNC110 - until the keeping task has moved
        await asyncio.sleep(0)
    await keeper.aclose()
    with pytest.raises(EngineUnavailable, match="closed"):
        await waiting
    with pytest.raises(EngineUnavailable, match="closed"):
        await keeper.get()


async def test_a_worker_is_ended_whole_however_often_who_closes_it_is_cancelled():
    births = Births()
    keeper = Keeper("x", births.begin)
    life = await keeper.get()
    life.may_end.clear()
    closing = asyncio.create_task(keeper.aclose())
    await life.gone.wait()
    for _ in range(2):
        closing.cancel()
        await asyncio.sleep(0)
    life.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert life.is_closed


async def test_one_that_gives_up_waiting_does_not_stop_the_start():
    births = Births()
    births.gate.clear()
    keeper = Keeper("x", births.begin)
    impatient = asyncio.create_task(keeper.get())
    while keeper.state().phase is not Phase.LOADING:  # noqa: ASYNC110 - until the keeping task has moved
        await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    births.gate.set()
    assert await keeper.get() is births.lives[0]
    await keeper.aclose()


async def test_one_that_is_replaced_counts_as_ready():
    births = Births()
    keeper = Keeper("x", births.begin)
    assert keeper.state().phase is Phase.IDLE
    life = await keeper.get()
    births.gate.clear()
    life.gone.set()
    assert keeper.state().phase is Phase.READY
    assert keeper.life is None
    while not life.is_closed:  # noqa: ASYNC110 - until the keeping task has moved
        await asyncio.sleep(0)
    assert keeper.state().phase is Phase.READY
    await keeper.aclose()


def test_pauses_are_bounded():
    assert pause_seconds(1) == 0.0
    assert pause_seconds(10_000) == LONGEST_PAUSE_SECONDS


async def test_a_life_that_is_being_ended_is_ended_before_the_keeper_is_closed():
    births = Births()
    keeper = Keeper("x", births.begin)
    life = await keeper.get()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def end_slowly():
        begun.set()
        await go_on.wait()
        life.is_closed = True

    life.aclose = end_slowly
    life.gone.set()
    await begun.wait()
    closing = asyncio.create_task(keeper.aclose())
    for _ in range(5):
        await asyncio.sleep(0)
    go_on.set()
    await closing
    assert life.is_closed
