"""What there is to say in a text: whether, which words, and for about how long."""

from __future__ import annotations

import math
import re
import unicodedata

from portevoix.text.sanitize import sanitize

LONGEST_SECONDS = 3600.0
"""Upper bound of every estimate, in seconds."""

# Seconds at normal speed, near the middle of what French and English voices take.
_SECONDS_PER_LETTER = 0.070
_SECONDS_PER_DIGIT = 0.30
_SECONDS_PER_SYLLABLE_SIGN = 0.18
_SECONDS_PER_PAUSE = 0.25
_SHORTEST_SECONDS = 0.3

_VISIBLE = re.compile(r"[^\W_]")
_SYLLABLE = "\u0e01-\u0e2e\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
# Scripts without spaces between words: each ideograph or kana counts as a word.
_UNSPACED = "\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD_PART = re.compile(rf"(?=[^\W_])[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_SYLLABLE_SIGN = re.compile(rf"(?=[^\W_])[{_SYLLABLE}]")
_DIGIT = re.compile(r"\d")
_PAUSE = re.compile(r"[,;:.!?…。！？，、؟।](?:\s|\Z)|[。！？，、]")
_INNER_SIGNS = "'’-‐.,_·@\u200c\u200d"


def is_speakable(text: str) -> bool:
    """Tell whether a voice has something to say: a letter or a digit of any script, once the text is sanitised.

    Emoji, punctuation, a horizontal rule or an empty text have none.
    """
    return _VISIBLE.search(sanitize(text)) is not None


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text are, as (start, end) indices in order, without overlap.

    A word is a run of letters, digits and their combining marks, joined over one sign inside it: "aujourd'hui",
    "rendez-vous", "3,14" and "example.com" are one word each. Each Chinese or Japanese character counts as a word.
    """
    spans: list[tuple[int, int]] = []
    for part in _WORD_PART.finditer(text):
        start, end = part.start(), _end_of_marks(text, part.end())
        if spans and _is_one_word(text, spans[-1], start):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def estimate_seconds(text: str, speed: float = 1.0) -> float:
    """Return about how long a voice takes to say a text, in seconds, 0 to `LONGEST_SECONDS`.

    Counts letters, digits (which are longer: "7" is "seven"), syllabic and ideographic signs, and pauses; good to a
    factor of two. A text without letters or digits takes no time. Sanitise the text first.

    Args:
        text: What will be said.
        speed: 1.0 is normal, 2.0 twice as fast; above 0 and finite.

    Raises:
        ValueError: The speed is not a finite number above 0.
    """
    if not (math.isfinite(speed) and speed > 0):
        message = f"speed must be a finite number above 0, not {speed}"
        raise ValueError(message)
    visible = len(_VISIBLE.findall(text))
    if visible == 0:
        return 0.0
    digits = len(_DIGIT.findall(text))
    syllables = len(_SYLLABLE_SIGN.findall(text))
    seconds = (
        (visible - digits - syllables) * _SECONDS_PER_LETTER
        + digits * _SECONDS_PER_DIGIT
        + syllables * _SECONDS_PER_SYLLABLE_SIGN
        + len(_PAUSE.findall(text)) * _SECONDS_PER_PAUSE
    )
    return min(max(seconds, _SHORTEST_SECONDS) / speed, LONGEST_SECONDS)


def _end_of_marks(text: str, index: int) -> int:
    while index < len(text) and unicodedata.category(text[index])[0] == "M":
        index += 1
    return index


def _is_one_word(text: str, previous: tuple[int, int], start: int) -> bool:
    gap = text[previous[1] : start]
    if gap == "":
        return not (_is_unspaced(text[start]) or _is_unspaced(text[previous[1] - 1]))
    return gap in _INNER_SIGNS and len(gap) == 1


def _is_unspaced(character: str) -> bool:
    return re.match(rf"[{_UNSPACED}]", character) is not None
