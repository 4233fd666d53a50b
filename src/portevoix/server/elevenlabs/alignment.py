"""When each character is heard, from the times of words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portevoix.speech import WordMark


@dataclass(frozen=True, slots=True)
class Alignment:
    """Tell when characters are heard.

    Attributes:
        characters: one by one.
        starts_ms: when each begins.
        ends_ms: when each is over.
    """

    characters: tuple[str, ...]
    starts_ms: tuple[int, ...]
    ends_ms: tuple[int, ...]

    def in_milliseconds(self) -> dict[str, list[Any]]:
        """Return it as messages on a WebSocket have it."""
        durations = [end - start for start, end in zip(self.starts_ms, self.ends_ms, strict=True)]
        return {"chars": list(self.characters), "charStartTimesMs": list(self.starts_ms), "charDurationsMs": durations}

    def in_seconds(self) -> dict[str, list[Any]]:
        """Return it as the REST calls have it."""
        return {
            "characters": list(self.characters),
            "character_start_times_seconds": [start / 1000 for start in self.starts_ms],
            "character_end_times_seconds": [end / 1000 for end in self.ends_ms],
        }


class Aligner:
    """Spread characters over their words; each word is followed by a space, so that readers know it is complete.

    Times are milliseconds. Clients read them in one of two ways: from the beginning of the speech, when they asked for
    `sync_alignment`, or from the end of what the last alignment covered, so that adding up the spans gives the place.
    """

    def __init__(self, *, is_absolute: bool) -> None:
        """Begin a speech; `is_absolute` counts all times from there."""
        self._is_absolute = is_absolute
        self._marks: list[WordMark] = []
        self._end_ms = 0

    def add(self, marks: Iterable[WordMark]) -> None:
        """Take the marks of the next words."""
        self._marks.extend(marks)

    def take(self) -> Alignment | None:
        """Return the characters that were not returned yet, or None where there are none."""
        marks, self._marks = self._marks, []
        if not marks:
            return None
        base_ms = 0 if self._is_absolute else self._end_ms
        characters: list[tuple[str, int]] = []
        for mark, following in pairwise([*marks, None]):
            assert mark is not None  # noqa: S101 - None comes last
            characters += self._spread(mark, is_spaced=following is None or following.start > mark.end)
        starts = [start - base_ms for _, start in characters]
        ends = [*starts[1:], self._end_ms - base_ms]
        return Alignment(tuple(character for character, _ in characters), tuple(starts), tuple(ends))

    def _spread(self, mark: WordMark, *, is_spaced: bool) -> list[tuple[str, int]]:
        """Return each character of a word with its beginning, equally far apart."""
        start = max(self._end_ms, round(mark.start_seconds * 1000))
        end = max(start, round(mark.end_seconds * 1000))
        count = len(mark.text)
        self._end_ms = end
        spread = [(character, start + (end - start) * index // count) for index, character in enumerate(mark.text)]
        return [*spread, (" ", end)] if is_spaced else spread
