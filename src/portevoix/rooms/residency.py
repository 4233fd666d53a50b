"""Who may stay in memory: models that are in use stay, idle ones leave after a time, or when others need their place.

Whoever uses a model says so around the use; nothing is unloaded meanwhile, and what is being unloaded is waited for
before it is loaded again. Everything is decided on one event loop: there is no moment between looking and doing.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from portevoix.errors import EngineUnavailable, PortevoixError

logger = logging.getLogger(__name__)

MEGABYTE = 1_000_000


class MemoryShort(EngineUnavailable):
    """Tell that a model does not fit into the memory that models may take."""

    code = "memory_short"


@runtime_checkable
class Tenant(Protocol):
    """What can be loaded and unloaded; loading is its own affair and happens while it is used."""

    name: str

    @property
    def device(self) -> str:
        """Return whose memory it takes, as `cpu` or `cuda:0`."""

    @property
    def bytes(self) -> int:
        """Return what it takes now, 0 while it is not loaded; cheap."""

    @property
    def needed_bytes(self) -> int:
        """Return what it will take, about; 0 where that is not known."""

    async def unload(self) -> None:
        """Give the memory back; called while nobody uses it."""


@dataclass(slots=True, eq=False)
class Place:
    """A tenant for an engine that keeps several models, and says itself what each takes; see `Tenant`."""

    name: str
    device: str
    needed_bytes: int
    unload: Callable[[], Coroutine[Any, Any, None]]
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class ResidencyLimits:
    """Bound what models take.

    Attributes:
        idle_seconds: after which a model that nobody uses is unloaded; 0 for never.
        ceiling_bytes: most that all on one device may take together, by its name or its kind, as `cuda:0` or `cuda`; a
            device that is not named has no limit.
        patience_seconds: how long a model waits for its place while others are in use.
    """

    idle_seconds: float = 0.0
    ceiling_bytes: Mapping[str, int] = field(default_factory=dict)
    patience_seconds: float = 10.0

    def ceiling_of(self, device: str) -> int:
        """Return the ceiling of a device in bytes, 0 for none."""
        return self.ceiling_bytes.get(device, self.ceiling_bytes.get(device.partition(":")[0], 0))


@dataclass(slots=True)
class _Lodger:
    """Keep the books of one tenant.

    Attributes:
        users: how many use it, or wait for it.
        used: rank of its last use among all uses.
        promised_bytes: place that it has been given and may not fill yet.
        learned_bytes: most that it has been seen to take.
        leaving: its unloading, while it lasts.
        timer: what unloads it when it stays idle.
    """

    tenant: Tenant
    users: int = 0
    used: int = 0
    promised_bytes: int = 0
    learned_bytes: int = 0
    leaving: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def needed_bytes(self) -> int:
        return max(self.tenant.needed_bytes, self.learned_bytes)

    @property
    def weight_bytes(self) -> int:
        return max(self.tenant.bytes, self.promised_bytes)

    @property
    def may_leave(self) -> bool:
        return not self.users and self.leaving is None and self.tenant.bytes > 0

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Residency:
    """Keep the books of all tenants; used from one event loop.

    Attributes:
        limits: what holds from now on; may be replaced.
    """

    def __init__(self, limits: ResidencyLimits | None = None) -> None:
        """Begin with nobody."""
        self.limits = limits or ResidencyLimits()
        self._lodgers: dict[int, _Lodger] = {}
        self._ranks = itertools.count(1)
        self._changed = asyncio.Event()

    def occupied_bytes(self, device: str) -> int:
        """Return what all tenants of a device take, and what they have been promised."""
        return sum(one.weight_bytes for one in self._lodgers.values() if one.tenant.device == device)

    @asynccontextmanager
    async def use(self, tenant: Tenant) -> AsyncIterator[None]:
        """Keep a tenant in memory while the context lasts; a place is made for one that is not loaded yet.

        Raises:
            MemoryShort: it does not fit, or others that are in use did not leave in time.
        """
        lodger = self._lodgers.setdefault(id(tenant), _Lodger(tenant))
        lodger.users += 1
        lodger.used = next(self._ranks)
        lodger.stop_timer()
        try:
            await self._settle(lodger)
            yield
        finally:
            self._leave(lodger)

    def hold(self, engine: object) -> AbstractAsyncContextManager[None]:
        """Do the same as `use` for what can be unloaded, and nothing for what cannot."""
        known = self._lodgers.get(id(engine))  # asking whether it is a tenant asks for all that it takes
        if known is not None:
            return self.use(known.tenant)
        return self.use(engine) if isinstance(engine, Tenant) else nullcontext()

    def is_used(self, tenant: object) -> bool:
        """Tell whether somebody uses a tenant, or waits for it."""
        lodger = self._lodgers.get(id(tenant))
        return lodger is not None and lodger.users > 0

    async def renew(self, tenant: object) -> None:
        """Unload a tenant whose model was replaced, and forget what it took; one that is used stays as it is."""
        lodger = self._lodgers.get(id(tenant))
        if lodger is None or lodger.users:
            return
        lodger.learned_bytes = 0
        if lodger.may_leave:
            await asyncio.shield(self._unload(lodger, "replaced"))

    async def forget(self, tenant: object) -> None:
        """Close the books of a tenant that is about to be closed."""
        lodger = self._lodgers.pop(id(tenant), None)
        if lodger is not None:
            lodger.stop_timer()
            if lodger.leaving is not None:
                await asyncio.shield(lodger.leaving)
            self._tell()

    async def aclose(self) -> None:
        """Stop all timers and wait for what is being unloaded; tenants stay as they are."""
        await asyncio.gather(*(self.forget(lodger.tenant) for lodger in tuple(self._lodgers.values())))

    async def _settle(self, lodger: _Lodger) -> None:
        while lodger.leaving is not None:
            await asyncio.shield(lodger.leaving)
        ceiling = self.limits.ceiling_of(lodger.tenant.device)
        if not ceiling or lodger.tenant.bytes or lodger.promised_bytes:
            return
        self._require_fit(lodger, ceiling)
        try:
            async with asyncio.timeout(self.limits.patience_seconds):
                await self._make_place(lodger, ceiling)
        except TimeoutError:
            raise self._short(lodger, f"other models are in use, and {_mb(ceiling)} are allowed",
                              "Ask again in a moment.") from None  # fmt: skip

    def _require_fit(self, lodger: _Lodger, ceiling: int) -> None:
        if lodger.needed_bytes > ceiling:
            raise self._short(lodger, f"{_mb(ceiling)} are allowed",
                              "Raise rooms.memory_limit_mb, or choose a smaller model.")  # fmt: skip

    def _short(self, lodger: _Lodger, why: str, hint: str) -> MemoryShort:
        tenant = lodger.tenant
        takes = f"it takes {_mb(lodger.needed_bytes)} of {tenant.device}'s memory"
        return MemoryShort(f"there is no memory for {tenant.name}", f"{takes}, {why}", hint)

    async def _make_place(self, lodger: _Lodger, ceiling: int) -> None:
        """Unload who has been idle longest until there is place enough, and wait for those in use; then promise it."""
        device = lodger.tenant.device
        while not lodger.promised_bytes and self.occupied_bytes(device) + lodger.needed_bytes > ceiling:
            changed = self._changed
            if (idlest := self._idlest(device)) is not None:
                await asyncio.shield(self._unload(idlest, "memory"))
            else:
                await changed.wait()
        lodger.promised_bytes = lodger.needed_bytes

    def _idlest(self, device: str) -> _Lodger | None:
        idle = [one for one in self._lodgers.values() if one.may_leave and one.tenant.device == device]
        return min(idle, key=lambda one: one.used, default=None)

    def _leave(self, lodger: _Lodger) -> None:
        lodger.users -= 1
        lodger.learned_bytes = max(lodger.learned_bytes, lodger.tenant.bytes)
        if not lodger.users:
            lodger.promised_bytes = 0
            self._watch(lodger)
            self._trim(lodger.tenant.device)
        self._tell()

    def _watch(self, lodger: _Lodger) -> None:
        if self.limits.idle_seconds and id(lodger.tenant) in self._lodgers:
            loop = asyncio.get_running_loop()
            lodger.timer = loop.call_later(self.limits.idle_seconds, self._expire, lodger)

    def _expire(self, lodger: _Lodger) -> None:
        if lodger.may_leave:
            self._unload(lodger, "idle")

    def _trim(self, device: str) -> None:
        """Unload idle tenants while all together take more than they may, since they grow after they were let in."""
        ceiling = self.limits.ceiling_of(device)
        excess = self.occupied_bytes(device) - ceiling if ceiling else 0
        while excess > 0 and (idlest := self._idlest(device)) is not None:
            excess -= idlest.weight_bytes
            self._unload(idlest, "memory")

    def _unload(self, lodger: _Lodger, cause: str) -> asyncio.Task[None]:
        lodger.stop_timer()
        lodger.leaving = asyncio.create_task(self._see_off(lodger, cause), name=f"unload {lodger.tenant.name}")
        return lodger.leaving

    async def _see_off(self, lodger: _Lodger, cause: str) -> None:
        tenant, taken = lodger.tenant, lodger.tenant.bytes
        try:
            await tenant.unload()
        except PortevoixError as error:
            logger.warning("model.not_unloaded", extra={"engine": tenant.name, "code": error.code, "why": str(error)})
        else:
            logger.info("model.unloaded", extra={"engine": tenant.name, "bytes": taken, "cause": cause})
        finally:
            lodger.leaving = None
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _mb(count: int) -> str:
    return f"{count / MEGABYTE:.0f} MB"
