"""Take a user's words out of what others say, before it is logged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

MASK = "▒"
LONG_WORD = 4
"""From this many characters on a word is found inside others too; a shorter one stands in every language's prose."""

WORD = re.compile(r"\w+")
PLAIN_PART = re.compile(r"[A-Za-z0-9]{3,}")
"""What is left of a word where the other characters are written as escapes."""


def masked(words: str, *texts: str) -> str:
    """Return `words` with every word of `texts` taken out, whatever its case."""
    pattern = _pattern(texts)
    return words if pattern is None else pattern.sub(MASK, words)


@lru_cache(maxsize=8)
def _pattern(texts: tuple[str, ...]) -> re.Pattern[str] | None:
    found = sorted(set(_parts(texts)), key=len, reverse=True)
    if not found:
        return None
    return re.compile("|".join(map(_sought, found)), re.IGNORECASE)


def _parts(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        for word in WORD.findall(text):
            yield word
            yield from PLAIN_PART.findall(word)


def _sought(word: str) -> str:
    return re.escape(word) if len(word) >= LONG_WORD else rf"\b{re.escape(word)}\b"
