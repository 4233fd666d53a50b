"""Find where the next engine goes on, after one has stopped in the middle of a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from portevoix.speech import WordMark
from portevoix.text.speakable import estimate_seconds, word_spans

TOLERANCE_SECONDS = 0.02
"""A word that lacks less than this has been heard."""


def unsaid_from(text: str, marks: Sequence[WordMark], heard_seconds: float, speed: float = 1.0) -> int:
    """Return the index in `text` of the first word that was not heard to its end, or `len(text)` when all were.

    With marks it is exact for audio that ends between words; a word cut in its middle is said again, since half a word
    is no word. Without marks the place is estimated from the length of the text, on the side of losing nothing.
    """
    if marks:
        return _after_marks(text, marks, heard_seconds)
    return _estimated(text, heard_seconds, speed)


def _after_marks(text: str, marks: Sequence[WordMark], heard_seconds: float) -> int:
    said = max((mark.end for mark in marks if mark.end_seconds <= heard_seconds + TOLERANCE_SECONDS), default=0)
    return next((start for start, end in word_spans(text) if end > said and start >= said), len(text))


def _estimated(text: str, heard_seconds: float, speed: float) -> int:
    for start, end in word_spans(text):
        if estimate_seconds(text[:end], speed) > heard_seconds:
            return start
    return len(text)
