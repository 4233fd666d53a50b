"""Which ids of a long sentence are encoded together.

The encoder's attention spans the whole sentence, so its time grows with the square of the length, and the first sound
would wait for all of it. A long sentence is therefore encoded twice: its beginning alone, with enough of what follows
to know where it is going, so that sound begins; then the whole, which speaks for all ids but those of the beginning.
Only an enormous sentence, whose square would not fit into memory, is never encoded whole but in overlapping windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


@dataclass(frozen=True)
class Window:
    """Ids `context_first`..`context_last` are encoded; what is said about `first`..`last` is used."""

    first: int
    last: int
    context_first: int
    context_last: int


@dataclass(frozen=True)
class Windows:
    """How long sentences are cut; every number counts ids, of which pads are half.

    Attributes:
        whole: a sentence of at most this many is encoded once.
        beginning: how many the first encoding of a longer one speaks for.
        outlook: how many more it sees.
        slack: how far before its place the end of the beginning may move, to fall on a break.
        longest: the most that are ever encoded together.
        overlap: what windows of an enormous sentence see of their neighbours, on each side.
    """

    whole: int = 256
    beginning: int = 64
    outlook: int = 96
    slack: int = 32
    longest: int = 768
    overlap: int = 128

    def over(self, ids: Sequence[int], breaks: Collection[int] = ()) -> tuple[Window, ...]:
        """Return the windows of a sentence, in order; what they speak for is the sentence, each id once.

        Args:
            ids: the sentence.
            breaks: ids after which a cut is least harmful: commas and the like.
        """
        count = len(ids)
        if count <= self.whole:
            return (Window(0, count, 0, count),)
        end = self._end_of_beginning(ids, breaks)
        return (Window(0, end, 0, end + self.outlook), *self._rest(end, count))

    def _end_of_beginning(self, ids: Sequence[int], breaks: Collection[int]) -> int:
        candidates = range(self.beginning, self.beginning - self.slack, -1)
        return next((cut for cut in candidates if ids[cut - 1] in breaks), self.beginning)

    def _rest(self, first: int, count: int) -> Iterator[Window]:
        if count <= self.longest:
            yield Window(first, count, 0, count)
            return
        core = self.longest - 2 * self.overlap
        while first < count:
            last = min(count, first + core)
            yield Window(first, last, max(0, first - self.overlap), min(count, last + self.overlap))
            first = last
