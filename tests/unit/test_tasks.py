from __future__ import annotations

import asyncio

import pytest

from portevoix.tasks import end_tasks, see_through


async def test_tasks_are_ended_whether_they_wait_have_failed_or_never_began():
    async def fail():
        raise ValueError

    waiting, failed = asyncio.create_task(asyncio.Event().wait()), asyncio.create_task(fail())
    await asyncio.wait({failed})
    await end_tasks(waiting, None, failed)
    assert waiting.cancelled()
    assert failed.done()


async def test_work_is_seen_through_however_often_who_waits_is_cancelled():
    go_on, ended = asyncio.Event(), asyncio.Event()

    async def work():
        await go_on.wait()
        ended.set()

    task = asyncio.create_task(see_through(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_what_the_work_raises_is_raised_and_told_with_a_cancel():
    async def fail():
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the work's own
        await see_through(fail())
    task = asyncio.create_task(see_through(fail()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert isinstance(caught.value.__cause__, ValueError)
