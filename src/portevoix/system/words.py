"""Cut 16-bit audio where words end, from events that say where words begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portevoix.speech import WordMark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portevoix.system.espeak_library import WordEvent

BYTES = 2
HOLD_SECONDS = 1.0
"""Audio of one word that is held back at most until its end is known."""

Cut = tuple[bytes, tuple[WordMark, ...]]
"""16-bit samples, and the words that are complete at their end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold 16-bit samples and the words that begin in them."""

    pcm: bytes
    words: tuple[WordEvent, ...] = ()


class WordCutter:
    """Cut an utterance into whole words.

    A word reaches to the beginning of the next one, with the punctuation and the pause between them, so that the marks
    leave nothing of the text out. Events that point back into a word (a number that is read as several words) or at a
    blank belong to the word before them.
    """

    def __init__(self, text: str, sample_rate: int) -> None:
        self._text = text
        self._rate = sample_rate
        self._pcm = bytearray()
        self._left = 0
        self._last_piece = 0
        self._open: WordEvent | None = None

    def add(self, piece: Piece) -> Iterator[Cut]:
        """Take a piece and yield what is certain now."""
        self._pcm += piece.pcm
        self._last_piece = len(piece.pcm) // BYTES
        for event in piece.words:
            if self._begins_word(event):
                yield from self._close_word(event.start, event.sample)
                self._open = event
        surplus = len(self._pcm) // BYTES - self._last_piece
        if surplus > HOLD_SECONDS * self._rate:
            yield self._take(self._left + surplus), ()

    def end(self) -> Iterator[Cut]:
        """Yield the rest, with the last word."""
        total = self._left + len(self._pcm) // BYTES
        yield from self._close_word(len(self._text), total)
        if self._pcm:
            yield self._take(total), ()

    def _begins_word(self, event: WordEvent) -> bool:
        if not 0 <= event.start < len(self._text) or self._text[event.start].isspace():
            return False
        return self._open is None or event.start >= self._open.start + max(1, self._open.length)

    def _close_word(self, next_start: int, sample: int) -> Iterator[Cut]:
        word = self._open
        if word is None:
            return
        end = len(self._text[:next_start].rstrip())
        mark = WordMark(word.start, max(end, word.start + 1), word.sample / self._rate, sample / self._rate)
        yield self._take(sample), (mark,)

    def _take(self, sample: int) -> bytes:
        """Return the audio up to `sample`, counted from the utterance's first."""
        count = max(0, sample - self._left) * BYTES
        taken = bytes(self._pcm[:count])
        del self._pcm[:count]
        self._left += len(taken) // BYTES
        return taken
