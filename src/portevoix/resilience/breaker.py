"""The circuit breaker: an engine that keeps failing rests, and is tried again with somebody else's words.

After M. Nygard, Release It! (2007). The trial that closes it is the owner's business; the breaker counts and tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from portevoix.clock import Clock, system_clock

State = Literal["closed", "open", "half_open"]


def _tell_nobody(_: State) -> None:
    pass


class CircuitBreaker:
    """Count failures in a row: open at `failure_threshold`, rest for `reset_timeout_seconds`, then allow one trial.

    Attributes:
        failures: in a row, so far.
        state: whether it keeps requests away.
        on_change: is told each new state; whoever owns the breaker sets it.
    """

    def __init__(
        self,
        failure_threshold: int = 3,
        reset_timeout_seconds: float = 30.0,
        *,
        clock: Clock = system_clock,
    ) -> None:
        """Start closed."""
        self.failure_threshold = failure_threshold
        self.reset_timeout_seconds = reset_timeout_seconds
        self.failures = 0
        self.state: State = "closed"
        self._clock = clock
        self.on_change: Callable[[State], None] = _tell_nobody
        self._opened_at = 0.0

    def is_open(self) -> bool:
        """Return whether requests are kept away; true as well while the one trial runs."""
        return self.state != "closed"

    @property
    def rest_seconds(self) -> float:
        """Return how long it still rests; 0 when a trial is due or it is closed."""
        if self.state != "open":
            return 0.0
        return max(0.0, self._opened_at + self.reset_timeout_seconds - self._clock())

    def begin_trial(self) -> None:
        """Take the one trial; `succeed` or `fail` ends it."""
        self._move("half_open")

    def succeed(self) -> None:
        """Count speech that came to its end: failures are forgotten and the breaker closes."""
        self.failures = 0
        self._move("closed")

    def fail(self) -> None:
        """Count a failure; open at the threshold, and at once when it was the trial."""
        self.failures += 1
        if self.state == "half_open" or (self.state == "closed" and self.failures >= self.failure_threshold):
            self._opened_at = self._clock()
            self._move("open")

    def reset(self) -> None:
        """Close it by hand."""
        self.succeed()

    def _move(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.on_change(state)
