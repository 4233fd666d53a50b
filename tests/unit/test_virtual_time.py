from __future__ import annotations

import asyncio
import time

import pytest

from tests.virtual_time import Deadlock, run_virtual, settle, virtual


@virtual
async def test_an_hour_passes_without_waiting():
    began = time.monotonic()
    await asyncio.sleep(3600)
    assert asyncio.get_running_loop().time() == pytest.approx(3600)
    assert time.monotonic() - began < 60


@virtual
async def test_timers_come_in_their_order():
    order = []

    async def say(word, seconds):
        await asyncio.sleep(seconds)
        order.append(word)

    await asyncio.gather(say("late", 7), say("early", 0.5), say("middle", 3))
    assert order == ["early", "middle", "late"]


@virtual
async def test_settling_takes_no_time():
    await settle()
    assert asyncio.get_running_loop().time() == 0


@virtual
async def test_timeouts_fire_at_their_time():
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 10)
    assert asyncio.get_running_loop().time() == pytest.approx(10)


def test_waiting_for_nothing_is_told_at_once():
    with pytest.raises(Deadlock):
        run_virtual(asyncio.Event().wait())


def test_a_forgotten_task_error_fails_the_test():
    async def forget():
        async def fail():
            raise ValueError("lost")

        task = asyncio.ensure_future(fail())
        await settle()
        del task

    with pytest.raises(AssertionError, match="never retrieved"):
        run_virtual(forget())


def test_the_result_comes_back():
    async def answer():
        return 42

    assert run_virtual(answer()) == 42
