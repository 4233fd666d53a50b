from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from portevoix.undertakings import Undertakings


class Journeys(Undertakings[str]):
    """Go somewhere once it is said so."""

    def __init__(self):
        self.told = []
        super().__init__([self.told.append])
        self.go_on = asyncio.Event()

    def begin(self, name):
        return self._begin(name, f"{name} begun", lambda: self._travel(name))

    async def _travel(self, name):
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self._tell(name, f"{name} stopped")
            raise
        self._tell(name, f"{name} there")


async def test_several_who_ask_get_one_task_and_the_next_time_another():
    journeys = Journeys()
    first = journeys.begin("Lyon")
    assert journeys.begin("Lyon") is first
    journeys.go_on.set()
    await first
    assert journeys.begin("Lyon") is not first
    await journeys.aclose()
    assert journeys.told[:2] == ["Lyon begun", "Lyon there"]


async def test_one_that_is_stopped_before_its_first_step_tells_so():
    journeys = Journeys()
    task = journeys.begin("Lyon")
    assert journeys.cancel("Lyon")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert journeys.progress_of("Lyon") == "Lyon stopped"
    assert not journeys.cancel("Lyon")


async def test_who_watches_late_sees_the_latest_of_each_and_then_each_change():
    journeys = Journeys()
    tasks = [journeys.begin("Lyon"), journeys.begin("Nice")]
    async with aclosing(journeys.watch()) as changes:
        assert [await anext(changes), await anext(changes)] == ["Lyon begun", "Nice begun"]
        journeys.go_on.set()
        assert {await anext(changes), await anext(changes)} == {"Lyon there", "Nice there"}
    await asyncio.gather(*tasks)
    assert journeys.progress == ("Lyon there", "Nice there")
