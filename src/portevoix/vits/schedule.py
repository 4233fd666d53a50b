"""Into how many frames at a time a sentence is decoded."""

from __future__ import annotations

from dataclasses import dataclass

ALMOST_ALL = 1.25
"""What is left is taken at once when it is this many chunks or less: a small last chunk costs nearly a large one."""

SLOWEST_GROWTH, FASTEST_GROWTH = 2, 12


@dataclass(frozen=True)
class Schedule:
    """Grow chunks from small, for an early start, to large, for little waste; every number is in frames.

    A listener in a crowd waits longer for a next chunk, so the first one holds more. One who is alone has the whole
    machine, so chunks grow faster, and what is left at the end is shared out evenly among the workers.

    Attributes:
        first: the first chunk.
        first_in_crowd: the first chunk when `crowd` streams are being spoken; the more there are, the larger it is.
        crowd: how many streams are a crowd.
        growth: each chunk is as many times the one before.
        growth_alone: the same, when nobody else is being spoken to.
        largest: no chunk is larger.
    """

    first: int = 8
    first_in_crowd: int = 16
    crowd: int = 8
    growth: int = 2
    growth_alone: int = 2
    largest: int = 128

    def size(self, previous: int, company: int, workers: int, left: int | None) -> int:
        """Return the size of the next chunk.

        Args:
            previous: the chunk before, 0 at the start.
            company: streams being spoken, this one included.
            workers: how many chunks can be decoded side by side.
            left: frames not yet planned, None while it is not known how many there are.
        """
        is_alone = company <= 1
        if not previous:
            crowds = company / self.crowd
            wanted = self.first if crowds < 1 else min(int(self.first_in_crowd * crowds), self.largest)
        else:
            wanted = min(previous * (self.growth_alone if is_alone else self.growth), self.largest)
        if left is None:
            return wanted
        if previous and is_alone and left <= workers * wanted:
            return -(-left // min(workers, -(-left // max(previous, self.largest // 2))))
        return left if left <= wanted * ALMOST_ALL else wanted


def schedule_for(frame_seconds: float, heard_seconds: float) -> Schedule:
    """Return the schedule for a voice of a measured speed.

    Args:
        frame_seconds: how long one thread takes to decode a frame; 0 where it is not known.
        heard_seconds: how long a frame sounds.

    A chunk must be ready before the one before it has been heard. Half of that time is left for the flow, and for what
    cores take from one another.
    """
    if frame_seconds <= 0:
        return Schedule()
    possible = int(heard_seconds / frame_seconds / 2)
    return Schedule(growth_alone=max(SLOWEST_GROWTH, min(FASTEST_GROWTH, possible)))


WHOLE_AT_ONCE = Schedule(first=2**30, first_in_crowd=2**30, largest=2**30)
"""One chunk for everything."""
