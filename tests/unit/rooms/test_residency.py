from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace

import pytest

from portevoix.engine import Phase
from portevoix.rooms.residency import MemoryShort, Residency, ResidencyLimits, Tenant
from portevoix.rooms.room import Room
from portevoix.speech import Utterance
from tests.unit.rooms.test_room import PLAN
from tests.virtual_time import settle, virtual

CPU_1000 = ResidencyLimits(ceiling_bytes={"cpu": 1000}, patience_seconds=10)
IDLE_60 = ResidencyLimits(idle_seconds=60)


class Model:
    """A tenant that takes time to come and go, and notices when it is treated badly."""

    def __init__(self, name="a", needed_bytes=400, device="cpu", *, seconds=0.0, takes=None):
        self.name = name
        self.device = device
        self.needed_bytes = needed_bytes
        self.bytes = 0
        self.loads = 0
        self.unloads = 0
        self.speaking = 0
        self._seconds = seconds
        self._takes = takes or needed_bytes
        self._turn = asyncio.Lock()

    async def load(self):
        async with self._turn:
            if not self.bytes:
                await asyncio.sleep(self._seconds)
                self.loads += 1
                self.bytes = self._takes

    async def speak(self, seconds=1.0):
        await self.load()
        self.speaking += 1
        try:
            await asyncio.sleep(seconds)
            assert self.bytes, "unloaded while it spoke"
        finally:
            self.speaking -= 1

    async def unload(self):
        assert not self.speaking
        await asyncio.sleep(self._seconds)
        assert not self.speaking
        self.unloads += 1
        self.bytes = 0


async def speak(residency, model, seconds=1.0):
    async with residency.use(model):
        await model.speak(seconds)


def test_what_is_here_is_a_tenant():
    assert isinstance(Model(), Tenant)


@virtual
async def test_one_that_nobody_uses_is_unloaded_after_a_time_and_comes_back_by_itself():
    residency, model = Residency(IDLE_60), Model()
    await speak(residency, model)
    await asyncio.sleep(59)
    assert model.bytes
    await asyncio.sleep(2)
    assert not model.bytes
    await speak(residency, model)
    assert (model.loads, model.unloads) == (2, 1)
    await residency.aclose()


@virtual
async def test_each_use_begins_the_time_anew():
    residency, model = Residency(IDLE_60), Model()
    for _ in range(10):
        await speak(residency, model, 5)
        await asyncio.sleep(50)
    assert (model.loads, model.unloads) == (1, 0)
    await residency.aclose()


@virtual
async def test_one_that_speaks_for_long_is_not_idle():
    residency, model = Residency(IDLE_60), Model()
    await asyncio.gather(speak(residency, model, 500), speak(residency, model, 30))
    assert model.unloads == 0
    await asyncio.sleep(61)
    assert model.unloads == 1
    await residency.aclose()


@virtual
async def test_without_a_time_nobody_leaves():
    residency, model = Residency(), Model()
    await speak(residency, model)
    await asyncio.sleep(1e6)
    assert model.bytes


@virtual
async def test_one_that_is_being_unloaded_is_waited_for():
    residency, model = Residency(IDLE_60), Model(seconds=10)
    await speak(residency, model)
    await asyncio.sleep(61)
    assert model.bytes, "it is on its way out"
    await speak(residency, model)
    assert (model.loads, model.unloads) == (2, 1)
    await residency.aclose()


@virtual
async def test_who_has_been_idle_longest_makes_place():
    residency = Residency(CPU_1000)
    first, second, third = (Model(name) for name in "abc")
    for model in (first, second, first, third):
        await speak(residency, model)
    assert (first.unloads, second.unloads, third.unloads) == (0, 1, 0)
    assert residency.occupied_bytes("cpu") == 800


@virtual
async def test_devices_have_ceilings_of_their_own():
    residency = Residency(ResidencyLimits(ceiling_bytes={"cpu": 1000, "cuda:0": 500}))
    models = [Model("a"), Model("b"), Model("c", device="cuda:0"), Model("d", device="cuda:1", needed_bytes=10**12)]
    for model in models:
        await speak(residency, model)
    assert all(model.bytes for model in models)
    await speak(residency, Model("e", device="cuda:0"))
    assert [model.unloads for model in models] == [0, 0, 1, 0]


@virtual
async def test_one_that_is_in_use_is_never_unloaded_its_place_is_waited_for():
    residency, busy, wanted = Residency(CPU_1000), Model("a", 700), Model("b", 700)
    speaking = asyncio.create_task(speak(residency, busy, 5))
    await settle()
    await speak(residency, wanted)
    assert speaking.done()
    assert asyncio.get_running_loop().time() == 6
    assert (busy.unloads, wanted.loads) == (1, 1)


@virtual
async def test_the_wait_has_an_end():
    residency, busy, wanted = Residency(CPU_1000), Model("a", 700), Model("b", 700)
    speaking = asyncio.create_task(speak(residency, busy, 500))
    await settle()
    with pytest.raises(MemoryShort) as raised:
        await speak(residency, wanted)
    assert asyncio.get_running_loop().time() == 10
    assert raised.value.why == "it takes 0 MB of cpu's memory, other models are in use, and 0 MB are allowed"
    assert (wanted.loads, residency.occupied_bytes("cpu")) == (0, 700)
    await speaking


@virtual
async def test_one_that_can_never_fit_is_refused_at_once_and_moves_nobody():
    residency, small = Residency(CPU_1000), Model("a", 900)
    await speak(residency, small)
    with pytest.raises(MemoryShort, match="1000 MB"):
        await speak(Residency(ResidencyLimits(ceiling_bytes={"cpu": 10**9})), Model("b", 2 * 10**9))
    with pytest.raises(MemoryShort):
        await speak(residency, Model("c", 1001))
    assert small.unloads == 0


@virtual
async def test_two_who_are_let_in_together_do_not_take_the_same_place():
    residency = Residency(CPU_1000)
    models = [Model(name, 700, seconds=3) for name in "abc"]
    most = 0

    async def watch():
        nonlocal most
        while True:
            most = max(most, sum(model.bytes for model in models))
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(speak(residency, model) for model in models), return_exceptions=True)
    watching.cancel()
    assert most == 700


@virtual
async def test_one_that_grows_makes_the_idle_ones_leave():
    residency, idle, growing = Residency(CPU_1000), Model("a"), Model("b")
    await speak(residency, idle)
    async with residency.use(growing):
        await growing.load()
        growing.bytes = 900
    await settle()
    assert (idle.unloads, growing.unloads) == (1, 0)


@virtual
async def test_one_that_has_shown_to_be_too_large_is_not_loaded_again_and_again():
    residency, liar = Residency(CPU_1000), Model("a", 400, takes=1500)
    await speak(residency, liar)
    await settle()
    assert liar.unloads == 1
    with pytest.raises(MemoryShort):
        await speak(residency, liar)
    assert liar.loads == 1


@virtual
async def test_a_cancelled_wait_leaves_no_trace():
    residency, busy, wanted = Residency(CPU_1000), Model("a", 700), Model("b", 700)
    speaking = asyncio.create_task(speak(residency, busy, 5))
    await settle()
    waiting = asyncio.create_task(speak(residency, wanted))
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await speaking
    assert (busy.unloads, residency.occupied_bytes("cpu")) == (0, 700)


@virtual
async def test_one_whose_loading_fails_gives_its_promised_place_back():
    residency, model = Residency(CPU_1000), Model("a", 700)
    with pytest.raises(OSError, match="broken"):
        async with residency.use(model):
            raise OSError("broken")
    assert residency.occupied_bytes("cpu") == 0
    await speak(residency, Model("b", 700))


@virtual
async def test_new_limits_hold_from_now_on():
    residency, model = Residency(), Model()
    await speak(residency, model)
    residency.limits = ResidencyLimits(idle_seconds=5, ceiling_bytes={"cpu": 500})
    await speak(residency, Model("b"))
    assert model.unloads == 1
    await residency.aclose()


@virtual
async def test_one_that_is_closed_is_forgotten():
    residency, model = Residency(IDLE_60), Model()
    await speak(residency, model)
    await residency.forget(model)
    await residency.forget(model)
    await asyncio.sleep(100)
    assert (model.unloads, residency.occupied_bytes("cpu")) == (0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_nobody_is_unloaded_while_it_speaks_and_the_ceiling_holds(seed):
    chance = random.Random(seed)

    async def one(residency, models):
        await asyncio.sleep(chance.uniform(0, 200))
        model = chance.choice(models)
        task = asyncio.create_task(speak(residency, model, chance.uniform(0.1, 8)))
        if chance.random() < 0.2:
            await asyncio.sleep(chance.uniform(0, 5))
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert sum(other.bytes for other in models) <= 1000
        return task

    @virtual
    async def run():
        residency = Residency(ResidencyLimits(idle_seconds=20, ceiling_bytes={"cpu": 1000}, patience_seconds=30))
        models = [Model(name, chance.randint(100, 600), seconds=chance.uniform(0, 3)) for name in "abcdef"]
        tasks = await asyncio.gather(*(one(residency, models) for _ in range(150)))
        faults = [task.exception() for task in tasks if not task.cancelled()]
        assert {type(fault) for fault in faults} <= {type(None), MemoryShort}
        assert sum(fault is None for fault in faults) > 80
        await asyncio.sleep(100)
        assert [model.bytes for model in models] == [0] * 6
        assert residency.occupied_bytes("cpu") == 0

    run()


class Housing:
    """A real worker process as a tenant."""

    device = "cpu"
    needed_bytes = 1_000_000

    def __init__(self, name):
        self.name = name
        self._room = None

    @property
    def bytes(self):
        return 1_000_000 if self._room is not None and self._room.state().phase is Phase.READY else 0

    async def speak(self, text):
        if self._room is None:
            self._room = Room(replace(PLAN, name=self.name))
        await self._room.start()
        voice = self._room.voices()[0]
        async with aclosing(self._room.stream(Utterance(text, voice, voice.language))) as chunks:
            return sum([len(chunk.samples) async for chunk in chunks])

    async def unload(self):
        room, self._room = self._room, None
        await room.aclose()


async def test_worker_processes_come_and_go():
    residency = Residency(ResidencyLimits(ceiling_bytes={"cpu": 2_000_000}, patience_seconds=60))
    houses = [Housing(name) for name in "abc"]
    async with AsyncExitStack() as stack:
        for house in houses:
            stack.push_async_callback(_close, house)

        async def say(number):
            house = houses[number % 3]
            async with residency.use(house):
                assert await house.speak(f"Phrase {number}.") > 0
            assert sum(one.bytes for one in houses) <= 2_000_000

        await asyncio.gather(*(say(number) for number in range(12)))
        await residency.aclose()


async def _close(house):
    if house._room is not None:
        await house.unload()


@virtual
async def test_one_whose_model_was_replaced_leaves_and_what_it_took_is_forgotten_unless_it_is_used():
    residency, model = Residency(CPU_1000), Model(takes=900)
    async with residency.use(model):
        await model.load()
        assert residency.is_used(model)
        await residency.renew(model)
        assert model.bytes == 900
    assert not residency.is_used(model)
    await residency.renew(model)
    assert (model.unloads, residency.occupied_bytes("cpu")) == (1, 0)
    async with residency.use(model):
        assert residency.occupied_bytes("cpu") == model.needed_bytes
