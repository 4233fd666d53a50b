"""What happens, as frozen records; whoever wants to know is a hook.

Metrics, logs and reports are hooks: the parts that work know nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from portevoix.speech import Attempt, SpeechReport


@dataclass(frozen=True, slots=True)
class Attempted:
    """One engine has been asked for one sentence, and this came of it."""

    request_id: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The cache has been asked for a sentence of an engine."""

    engine: str
    is_hit: bool


@dataclass(frozen=True, slots=True)
class BreakerMoved:
    """An engine's circuit breaker has changed its state."""

    engine: str
    state: Literal["closed", "open", "half_open"]
    rest_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """A request has ended: spoken to the end, given up by its listener, or failed.

    Attributes:
        report: who spoke.
        status: `success`, `failed` or `cancelled`.
        seconds: from the request to its end.
        code: code of the error when it failed.
    """

    report: SpeechReport
    status: Literal["success", "failed", "cancelled"]
    seconds: float
    code: str = ""


Event = Attempted | LookedUp | BreakerMoved | Spoken
Hook = Callable[[Event], None]


def ignore(_: Event) -> None:
    """Do nothing with an event."""


class FanOut:
    """Pass each event on to hooks, in order; itself a hook.

    Attributes:
        hooks: whom it is passed to; may be added to at any time.
    """

    def __init__(self, *hooks: Hook) -> None:
        """Begin with `hooks`."""
        self.hooks = list(hooks)

    def __call__(self, event: Event) -> None:
        """Tell all of them."""
        for hook in tuple(self.hooks):
            hook(event)
