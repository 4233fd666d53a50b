"""How far a download is, as frozen records."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from portevoix.clock import Clock, system_clock

Phase = Literal["starting", "waiting", "fetching", "checking", "finishing", "done", "failed", "cancelled"]
ENDED: tuple[Phase, ...] = ("done", "failed", "cancelled")

WINDOW_SECONDS = 5.0
"""Over which the speed is measured."""

LEAST_SECONDS = 0.3
"""Shorter than this tells nothing of the speed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Say how far one download is.

    Attributes:
        model: its name.
        phase: `waiting` is for another process that fetches the same; `checking` makes checksums; `finishing`
            makes it ready for use, as by conversion.
        done_bytes: what lies on disk, what earlier attempts brought included.
        total_bytes: size of the whole, 0 while it is not known.
        bytes_per_second: over the last seconds.
        code: code of the error when it has failed or was cancelled.
        why: that error and what to do, in words; when it is `done`, what is left to do by hand, or "".
    """

    model: str
    phase: Phase = "starting"
    done_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: float = 0.0
    code: str = ""
    why: str = ""

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing more will come."""
        return self.phase in ENDED

    @property
    def ratio(self) -> float:
        """Return how much of it is there, 0 to 1."""
        if self.phase == "done":
            return 1.0
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Return how long the rest takes at this speed, or None when that cannot be told."""
        if self.phase != "fetching" or not self.total_bytes or self.bytes_per_second <= 0:
            return None
        return max(0, self.total_bytes - self.done_bytes) / self.bytes_per_second


Tell = Callable[[Progress], None]


class Meter:
    """Make progress out of the steps of the fetching process, and measure its speed."""

    def __init__(self, model: str, total_bytes: int, clock: Clock = system_clock) -> None:
        """Begin with nothing of `total_bytes`, 0 where that is not known."""
        self.progress = Progress(model, total_bytes=total_bytes)
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()

    def step(self, event: str, facts: dict[str, Any]) -> Progress:
        """Return the progress after one step."""
        match event:
            case "waiting" | "checking" | "finishing":
                self.progress = replace(self.progress, phase=event, bytes_per_second=0.0)
            case "size":
                self._marks.clear()
                self.progress = replace(self.progress, total_bytes=facts["total"])
                self._move(facts["done"])
            case "bytes":
                self._move(facts["done"])
            case "done":
                total = self.progress.total_bytes
                self.progress = replace(self.progress, phase="done", done_bytes=total, bytes_per_second=0.0)
        return self.progress

    def _move(self, done: int) -> None:
        now = self._clock()
        self._marks.append((now, done))
        while now - self._marks[0][0] > WINDOW_SECONDS:
            self._marks.popleft()
        began, before = self._marks[0]
        is_measured = now - began >= LEAST_SECONDS
        speed = (done - before) / (now - began) if is_measured else self.progress.bytes_per_second
        self.progress = replace(self.progress, phase="fetching", done_bytes=done, bytes_per_second=max(0.0, speed))
