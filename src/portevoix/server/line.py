"""Those who wait for a turn, and whose turn is next."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portevoix.server.guest import PRIORITIES, Guest, Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH_EVERY = 5
"""While interactive requests wait as well, each fifth turn is a batch's: batches are slow then, and do not starve."""

KNOWN_CLIENTS = 1024
"""Of so many it is remembered when they had their last turn."""


@dataclass(eq=False, slots=True)
class Place:
    """Hold a place in the line.

    Attributes:
        guest: who waits.
        turn: set when the turn has come, or to the error that says it never will.
    """

    guest: Guest
    turn: asyncio.Future[None]


class WaitingLine:
    """Order those who wait: by priority, and fairly between clients; first come first served for each client.

    The client with the fewest turns running is next; among those, the one that has waited longest since its last turn
    (max-min fairness: D. Bertsekas and R. Gallager, Data Networks, 6.5.2).
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._rows: dict[Priority, dict[str, deque[Place]]] = {name: {} for name in PRIORITIES}
        self._since_batch = 0
        self._turns: OrderedDict[str, int] = OrderedDict()
        self._count_turns = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(len(places) for row in self._rows.values() for places in row.values())

    def __contains__(self, place: Place) -> bool:
        """Tell whether a place is still held."""
        return place in self._rows[place.guest.priority].get(place.guest.client, ())

    def counts(self) -> Counter[str]:
        """Return how many wait by client."""
        counts: Counter[str] = Counter()
        for row in self._rows.values():
            counts.update({client: len(places) for client, places in row.items()})
        return counts

    def note_turn(self, client: str) -> None:
        """Remember that a client has got a turn, in the line or past it."""
        self._count_turns += 1
        self._turns[client] = self._count_turns
        self._turns.move_to_end(client)
        if len(self._turns) > KNOWN_CLIENTS:
            self._turns.popitem(last=False)

    def add(self, guest: Guest) -> Place:
        """Return a new place at the end of its client's own line."""
        place = Place(guest, asyncio.get_running_loop().create_future())
        self._rows[guest.priority].setdefault(guest.client, deque()).append(place)
        return place

    def remove(self, place: Place) -> None:
        """Give a place up."""
        row = self._rows[place.guest.priority]
        row[place.guest.client].remove(place)
        if not row[place.guest.client]:
            del row[place.guest.client]

    def next(self, running: Mapping[str, int], *, may_be_batch: bool) -> Place | None:
        """Take out whose turn it is, or return None when nobody's; `running` tells turns by client."""
        batches = self._rows["batch"] if may_be_batch else None
        interactive = self._rows["interactive"]
        takes_batch = bool(batches) and (not interactive or self._since_batch >= BATCH_EVERY - 1)
        if not takes_batch and not interactive:
            return None
        self._since_batch = 0 if takes_batch else self._since_batch + bool(batches)
        return self._take("batch" if takes_batch else "interactive", running)

    def yielding_to(self, guest: Guest) -> Place | None:
        """Return the place that makes room for `guest` in a full line, or None when it is the newcomer that must go.

        It is the latest of the client that has most places, and clearly more than the newcomer would have; batches make
        room for interactive requests first.
        """
        counts = self.counts()
        if guest.priority == "interactive" and self._rows["batch"]:
            client = max(self._rows["batch"], key=lambda name: len(self._rows["batch"][name]))
            return self._rows["batch"][client][-1]
        row = self._rows[guest.priority]
        client = max(row, key=lambda name: len(row[name]), default="")
        if client in ("", guest.client) or len(row[client]) <= counts[guest.client] + 1:
            return None
        return row[client][-1]

    def drain(self) -> list[Place]:
        """Take everybody out."""
        places = [place for row in self._rows.values() for line in row.values() for place in line]
        for row in self._rows.values():
            row.clear()
        return places

    def _take(self, priority: Priority, running: Mapping[str, int]) -> Place:
        row = self._rows[priority]
        client = min(row, key=lambda name: (running.get(name, 0), self._turns.get(name, 0)))
        place = row[client].popleft()
        if not row[client]:
            del row[client]
        return place
