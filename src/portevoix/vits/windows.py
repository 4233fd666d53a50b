"""Which ids of a long sentence are encoded together.

The encoder's attention spans the whole sentence, so its time and memory grow with the square of the length, and the
first sound would wait for all of it. A sentence of up to `WHOLE_IDS` is encoded whole. A longer one is encoded in
windows that overlap: each id's encoding is taken from the window in which it has the most neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True)
class Window:
    """Ids `context_first`..`context_last` are encoded; what is said about `first`..`last` is used."""

    first: int
    last: int
    context_first: int
    context_last: int


@dataclass(frozen=True)
class Windows:
    """How long sentences are cut; every number counts ids, pads included.

    Attributes:
        whole: a sentence of at most this many is encoded whole.
        first: the core of the first window.
        core: the core of the others.
        context: neighbours encoded with a core on each side.
        slack: how far before its place a cut may move to fall on a break.
    """

    whole: int = 2**30
    first: int = 64
    core: int = 192
    context: int = 96
    slack: int = 32

    def over(self, ids: Sequence[int], breaks: Collection[int] = ()) -> tuple[Window, ...]:
        """Return the windows of a sentence, in order; their cores are the sentence.

        Args:
            ids: the sentence.
            breaks: ids after which a cut is least harmful: commas and the like.
        """
        count = len(ids)
        if count <= self.whole:
            return (Window(0, count, 0, count),)
        windows, first = [], 0
        while first < count:
            size = self.core if first else self.first
            last = count if count - first <= size + self.slack else self._break_before(ids, first + size, breaks)
            windows.append(Window(first, last, max(0, first - self.context), min(count, last + self.context)))
            first = last
        return tuple(windows)

    def _break_before(self, ids: Sequence[int], place: int, breaks: Collection[int]) -> int:
        """Return the last place up to `place`, within the slack, that follows a break; else `place` itself."""
        candidates = range(place, place - self.slack, -1)
        return next((cut for cut in candidates if ids[cut - 1] in breaks), place)
