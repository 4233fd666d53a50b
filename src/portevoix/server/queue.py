"""A bounded queue: so many are served at once, so many wait, the others are told at once to come back."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from portevoix.clock import Clock, system_clock
from portevoix.errors import Overloaded
from portevoix.server.errors import Stopping
from portevoix.server.guest import NOBODY, Allowance, Guest
from portevoix.server.line import Place, WaitingLine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from portevoix.metrics import Metrics

MEMORY = 0.8
"""Weight of the turns before in the running mean of a turn's length."""

BATCH_SHARE = 0.75
"""Part of the turns that batches may hold at once, so that an interactive request finds one free."""


class Seat:
    """Stand for one request or connection.

    Attributes:
        guest: who asks; may be found out later.
        free: set while it holds no turn.
    """

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.free = asyncio.Event()
        self.free.set()
        self._turns = 0

    def hold(self, count: int) -> None:
        """Count turns that are held, or given back."""
        self._turns += count
        self.free.clear() if self._turns else self.free.set()


class Queue:
    """Give turns, fairly between clients and by priority; used from one event loop.

    Who asks is told by `seat`, for everything that happens inside it, so that whoever takes a turn need not know.

    Attributes:
        running: turns that are taken.
        refused: requests that were told to come back.
        leaving: set once the server is about to end; turns may still be given.
        closing: set once no more turns are given.
    """

    def __init__(
        self, max_running: int, max_waiting: int, timeout_seconds: float, *,
        metrics: Metrics | None = None, clock: Clock = system_clock,
    ) -> None:  # fmt: skip
        """Give `max_running` turns at once; `max_waiting` may wait for `timeout_seconds`."""
        self.running = 0
        self.refused = 0
        self.leaving = asyncio.Event()
        self.closing = asyncio.Event()
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._timeout_seconds = timeout_seconds
        self._metrics = metrics
        self._clock = clock
        self._line = WaitingLine()
        self._running: Counter[str] = Counter()
        self._batches = 0
        self._allowances: dict[tuple[str, str], Allowance] = {}
        self._seat: ContextVar[Seat] = ContextVar("seat")
        self._standing = Seat(NOBODY)
        self._mean_turn_seconds = 1.0

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return len(self._line)

    @contextmanager
    def seat(self, guest: Guest) -> Generator[Seat, None, None]:
        """Say who asks, for the body and the tasks that it begins."""
        seat = Seat(guest)
        token = self._seat.set(seat)
        try:
            yield seat
        finally:
            self._seat.reset(token)

    @property
    def seat_here(self) -> Seat:
        """Return the seat of the task that asks."""
        return self._seat.get(self._standing)

    @asynccontextmanager
    async def turn(self, characters: int = 0) -> AsyncGenerator[None, None]:
        """Wait for a turn, and hold it for the body.

        Args:
            characters: length of the text, counted against the client's limit.

        Raises:
            Overloaded: too many wait already, the wait was too long, or the client asks for more than it may.
            Stopping: the queue is closed.
        """
        seat = self.seat_here
        guest = seat.guest
        self._charge_request(guest, characters)
        await self._enter(guest)
        seat.hold(1)
        began = self._clock()
        try:
            yield
        finally:
            seat.hold(-1)
            self._mean_turn_seconds += (1 - MEMORY) * (self._clock() - began - self._mean_turn_seconds)
            self._leave(guest)

    def count(self, characters: int) -> None:
        """Count a request that needs no turn.

        Raises:
            Overloaded: it is more than the client may ask for.
            Stopping: the queue is closed.
        """
        if self.closing.is_set():
            raise _stopping()
        self._charge_request(self.seat_here.guest, characters)

    def charge(self, characters: int) -> None:
        """Count text that arrives apart from a turn.

        Raises:
            Overloaded: it is more than the client may ask for.
        """
        guest = self.seat_here.guest
        self._take(guest, "characters", guest.limits.characters_per_minute, characters)

    def limit(self, max_running: int, max_waiting: int, timeout_seconds: float) -> None:
        """Change the limits; whoever has a turn or a place keeps it."""
        self._max_running, self._max_waiting, self._timeout_seconds = max_running, max_waiting, timeout_seconds
        self._admit()

    def leave(self) -> None:
        """Say that the server is about to end."""
        self.leaving.set()

    def close(self) -> None:
        """Give no more turns; those that wait are sent away, those that run are not disturbed."""
        self.leaving.set()
        self.closing.set()
        for place in self._line.drain():
            _send_away(place, _stopping())

    def describe(self) -> dict[str, Any]:
        """Return how it stands, as JSON."""
        waiting = self._line.counts()
        return {
            "running": self.running,
            "waiting": self.waiting,
            "refused": self.refused,
            "limits": {"running": self._max_running, "waiting": self._max_waiting,
                       "wait_seconds": self._timeout_seconds},
            "clients": [
                {"client": client, "running": self._running[client], "waiting": waiting[client]}
                for client in sorted({*self._running, *waiting})
            ],
        }  # fmt: skip

    def _charge_request(self, guest: Guest, characters: int) -> None:
        limits = guest.limits
        held = self._running[guest.client] + self._line.counts()[guest.client] if limits.concurrent else 0
        if limits.concurrent and held >= limits.concurrent:
            raise self._refusal(f"this client may ask for {limits.concurrent} things at once")
        self._take(guest, "requests", limits.requests_per_minute, 1)
        self._take(guest, "characters", limits.characters_per_minute, characters)

    def _take(self, guest: Guest, what: str, per_minute: int, amount: int) -> None:
        if not per_minute or not amount:
            return
        allowance = self._allowances.get((guest.client, what))
        if allowance is None or allowance.per_minute != per_minute:
            self._allowances = {key: one for key, one in self._allowances.items() if not one.is_full}
            allowance = self._allowances[guest.client, what] = Allowance(per_minute, self._clock)
        try:
            allowance.take(amount, what)
        except Overloaded:
            self._count_refusal()
            raise

    async def _enter(self, guest: Guest) -> None:
        if self.closing.is_set():
            raise _stopping()
        if not self._line and self._has_room(guest):
            self._begin(guest)
        else:
            self._make_room(guest)
            await self._wait(guest)
        self._show()

    def _has_room(self, guest: Guest) -> bool:
        return self.running < self._max_running and (guest.priority != "batch" or self._may_be_batch)

    @property
    def _may_be_batch(self) -> bool:
        return self._batches < max(1, int(self._max_running * BATCH_SHARE))

    def _make_room(self, guest: Guest) -> None:
        """Let somebody make room in a full line.

        Raises:
            Overloaded: nobody does.
        """
        if len(self._line) < self._max_waiting:
            return
        refusal = self._refusal(f"{self.running} requests are being spoken and {len(self._line)} wait")
        place = self._line.yielding_to(guest)
        if place is None:
            raise refusal
        self._line.remove(place)
        _send_away(place, refusal)

    async def _wait(self, guest: Guest) -> None:
        """Wait in line; whoever leaves hands over its turn."""
        place = self._line.add(guest)
        self._admit()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await place.turn
        except BaseException as error:
            self._give_up(place)
            if isinstance(error, TimeoutError):
                raise self._refusal(f"no turn came within {self._timeout_seconds:g} s") from error
            raise

    def _give_up(self, place: Place) -> None:
        if place in self._line:
            self._line.remove(place)
        elif place.turn.done() and not place.turn.cancelled() and place.turn.exception() is None:
            self._leave(place.guest)  # the turn came at the very moment of leaving
        self._show()

    def _leave(self, guest: Guest) -> None:
        """Give the turn back, and hand it to whose turn it is next."""
        self.running -= 1
        self._batches -= guest.priority == "batch"
        self._running[guest.client] -= 1
        if not self._running[guest.client]:
            del self._running[guest.client]
        self._admit()

    def _admit(self) -> None:
        while self.running < self._max_running:
            place = self._line.next(self._running, may_be_batch=self._may_be_batch)
            if place is None:
                break
            if not place.turn.done():
                place.turn.set_result(None)
                self._begin(place.guest)
        self._show()

    def _begin(self, guest: Guest) -> None:
        self.running += 1
        self._batches += guest.priority == "batch"
        self._running[guest.client] += 1
        self._line.note_turn(guest.client)

    def _refusal(self, why: str) -> Overloaded:
        self._count_refusal()
        seconds = self._mean_turn_seconds * (len(self._line) + 1) / self._max_running
        return Overloaded("there is too much to do", why, retry_after_seconds=min(seconds, self._timeout_seconds))

    def _count_refusal(self) -> None:
        self.refused += 1
        if self._metrics is not None:
            self._metrics.queue_refused.inc()

    def _show(self) -> None:
        if self._metrics is not None:
            self._metrics.queue_running.set(self.running)
            self._metrics.queue_waiting.set(len(self._line))


def _send_away(place: Place, error: Exception) -> None:
    """Tell who waits that no turn will come, unless they have just left by themselves."""
    if not place.turn.done():
        place.turn.set_exception(error)


def _stopping() -> Stopping:
    return Stopping("the server is stopping", hint="Ask again in a moment.")
