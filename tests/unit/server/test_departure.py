from __future__ import annotations

import asyncio

import pytest

from portevoix.server.departure import while_present
from tests.virtual_time import virtual


class Client:
    """A client that leaves after some seconds; before that it sends the rest of its body."""

    def __init__(self, leaves_after_seconds: float = 1e9) -> None:
        self.leaves_after_seconds = leaves_after_seconds
        self._messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive(self):
        if self._messages:
            return self._messages.pop()
        await asyncio.sleep(self.leaves_after_seconds)
        return {"type": "http.disconnect"}


class Work:
    is_over = False

    async def last(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.sleep(0.5)  # cleaning up takes time as well
            self.is_over = True


@virtual
async def test_work_comes_to_its_end():
    work = Work()
    assert await while_present(Client().receive, work.last(5))
    assert work.is_over


@virtual
async def test_work_ends_when_the_client_leaves():
    work = Work()
    assert not await while_present(Client(2).receive, work.last(60))
    assert work.is_over
    assert asyncio.get_running_loop().time() == 2.5


@virtual
async def test_an_error_is_passed_on():
    async def fail():
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        await while_present(Client().receive, fail())


@virtual
async def test_who_is_cancelled_takes_the_work_along():
    work = Work()
    outer = asyncio.create_task(while_present(Client().receive, work.last(60)))
    await asyncio.sleep(1)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert work.is_over
