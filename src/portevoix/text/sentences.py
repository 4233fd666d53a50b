"""Cut a text into sentences while it is still arriving."""

from __future__ import annotations

import re

from portevoix.text.arrival import Arrival, Undecided
from portevoix.text.boundaries import ENDERS, WIDE_ENDERS, line_end, sentence_end
from portevoix.text.graphemes import is_joined

MAX_CHARACTERS = 400
"""Default cap of a piece, in characters: half a minute of speech."""

LEAST_CAP = 16
"""The smallest cap that leaves room for a word."""

_HARD_ENDS = "\f\u2029"
_CANDIDATE = re.compile(rf"[\n{_HARD_ENDS}{re.escape(ENDERS + WIDE_ENDERS)}]")
_NO_BREAK = "\u00a0\u202f\u2007\u2060\ufeff"


def _last(place: str) -> re.Pattern[str]:
    return re.compile(rf"(?s:.*)(?:{place})")


_SPACE = _last(rf"(?![{_NO_BREAK}])\s")
# The places to cut a sentence that is too long, softest first.
_SOFT_PLACES = (
    _last(rf"[;:](?![{_NO_BREAK}])\s|[；：]"),
    _last(rf"[,،)\]»—–](?![{_NO_BREAK}])\s|[、，]"),
    _SPACE,
    _last(rf"[-‐/_{_NO_BREAK}]"),
)


class SentenceSplitter:
    """Splits a text into sentences as it arrives.

    The pieces put together are exactly the text, and they are the same however the text was cut into deliveries. A
    sentence comes out as soon as nothing that follows can change where it ends: mostly with the white space after it.
    White space after a sentence may lead the next piece; a piece at the very end may be white space alone.

    One object serves one text at a time, in one thread; after `finish` it is ready for another text.

    Args:
        max_characters: Cap of a piece, in characters, at least `LEAST_CAP`. A longer sentence is cut at the softest
            place: a colon or semicolon, a comma, a space, a hyphen, else between two visible characters of a word.

    Raises:
        ValueError: The cap is under `LEAST_CAP`.
    """

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        if max_characters < LEAST_CAP:
            message = f"max_characters must be at least {LEAST_CAP}, not {max_characters}"
            raise ValueError(message)
        self._max_characters = max_characters
        self._clear()

    def feed(self, text: str) -> list[str]:
        """Take the next part of the text; return the pieces that are complete now."""
        self._pending += text
        return self._release(is_complete=False)

    def finish(self) -> list[str]:
        """Declare the text complete; return the pieces that are left."""
        pieces = self._release(is_complete=True)
        self._clear()
        return pieces

    def _clear(self) -> None:
        self._pending = ""
        self._searched = 0  # no sentence ends before this index of the pending text
        self._is_quoting = False

    def _release(self, *, is_complete: bool) -> list[str]:
        arrival = Arrival(self._pending, is_complete)
        pieces: list[str] = []
        start = 0
        try:
            while end := self._piece_end(arrival, start):
                piece = arrival.text[start:end]
                self._is_quoting = _is_quote_open(piece, is_open=self._is_quoting)
                pieces.append(piece)
                self._searched = start = end
        except Undecided:
            pass
        self._pending = arrival.text[start:]
        self._searched -= start
        return pieces

    def _piece_end(self, arrival: Arrival, start: int) -> int | None:
        limit = start + self._max_characters
        while candidate := _CANDIDATE.search(arrival.text, self._searched, limit):
            end = self._candidate_end(arrival, start, candidate.start())
            if end is not None:
                return end if end <= limit else _hard_end(arrival.text, start, limit)
            self._searched = candidate.end()
        if len(arrival.text) > limit:
            return _soft_end(arrival.text, start, limit)
        self._searched = len(arrival.text)
        return len(arrival.text) if arrival.is_complete and start < len(arrival.text) else None

    def _candidate_end(self, arrival: Arrival, start: int, mark: int) -> int | None:
        character = arrival.text[mark]
        if character == "\n":
            return line_end(arrival, start, mark)
        if character in _HARD_ENDS:
            return mark + 1
        is_quoting = _is_quote_open(arrival.text[start:mark], is_open=self._is_quoting)
        return sentence_end(arrival, start, mark, is_quoting=is_quoting)


def split(text: str, max_characters: int = MAX_CHARACTERS) -> list[str]:
    """Split a whole text into sentences; see `SentenceSplitter`.

    Raises:
        ValueError: The cap is under `LEAST_CAP`.
    """
    splitter = SentenceSplitter(max_characters)
    return splitter.feed(text) + splitter.finish()


def _is_quote_open(text: str, *, is_open: bool) -> bool:
    opening, closing = text.rfind("«"), text.rfind("»")
    return is_open if opening == closing else opening > closing


def _soft_end(text: str, start: int, limit: int) -> int:
    # An early place would leave a scrap and much to search again; only a space is taken anywhere, to keep words whole.
    middle = (start + limit) // 2
    for place, first in [*((place, middle) for place in _SOFT_PLACES), (_SPACE, start)]:
        if (found := place.match(text, first, limit)) and not is_joined(text[start : limit + 1], found.end() - start):
            return found.end()
    return _hard_end(text, start, limit)


def _hard_end(text: str, start: int, limit: int) -> int:
    # A visible character that is longer than the whole piece is cut at the cap.
    window = text[start : limit + 1]
    lengths = (length for length in range(limit - start, 0, -1) if not is_joined(window, length))
    return start + next(lengths, limit - start)
