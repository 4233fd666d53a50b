"""Who asks: told apart for fairness, with a priority and limits of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from portevoix.errors import Overloaded

if TYPE_CHECKING:
    from portevoix.clock import Clock

Priority = Literal["interactive", "batch"]
PRIORITIES: tuple[Priority, ...] = ("interactive", "batch")
MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound what one client may ask for; 0 sets no bound.

    Attributes:
        concurrent: requests at once, those that wait included.
        requests_per_minute: requests begun.
        characters_per_minute: characters of text.
    """

    concurrent: int = 0
    requests_per_minute: int = 0
    characters_per_minute: int = 0


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Guest:
    """Tell one client of the queue.

    Attributes:
        client: id of its key, or its address; "" where nothing is known.
        priority: interactive requests go before batches.
        limits: what it may ask for.
    """

    client: str = ""
    priority: Priority = "interactive"
    limits: Limits = NO_LIMITS


NOBODY = Guest()
"""Of whom nothing is known."""


class Allowance:
    """Fill up by so much a minute, never above that, and be taken from; a token bucket (J. Turner, 1986)."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        """Begin full."""
        self.per_minute = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._seen = clock()

    def take(self, amount: int, what: str) -> None:
        """Take `amount`; one that is larger than a minute's worth needs the allowance full, and overdraws it.

        Raises:
            Overloaded: there is not enough; tells when there will be.
        """
        now = self._clock()
        rate = self.per_minute / MINUTE_SECONDS
        self._left = min(float(self.per_minute), self._left + (now - self._seen) * rate)
        self._seen = now
        lack = min(amount, self.per_minute) - self._left
        if lack > 0:
            why = f"this client may ask for {self.per_minute} {what} a minute"
            raise Overloaded("the client's limit is reached", why, retry_after_seconds=lack / rate)
        self._left -= amount

    @property
    def is_full(self) -> bool:
        """Tell whether nothing is missing any more, so that it need not be kept."""
        filled = (self._clock() - self._seen) * self.per_minute / MINUTE_SECONDS
        return self._left + filled >= self.per_minute
