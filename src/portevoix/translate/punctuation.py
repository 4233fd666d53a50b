"""Spaces before punctuation marks: engines that join word to word leave some where nobody writes them."""

from __future__ import annotations

import re

_LOW = re.compile(r"(?<=\S)[ \u00a0\u202f]+(?=[.,…][.,;:!?…]*(?:[\s\"'”»]|$))")
_HIGH = re.compile(r"(?<=\S)[ \u00a0\u202f]+(?=[;:!?][.,;:!?…]*(?:[\s\"'”»]|$))")
_DOUBLED = re.compile(r"(?<=\S) {2,}(?=\S)")
_SPACED = "fr"
"""Language that writes a space before ; : ! and ?."""


def respaced(sentence: str, translation: str, source: str, target: str) -> str:
    """Return a translation with no space before a mark but where its sentence has one, or French has one by itself.

    Args:
        sentence: as it was written.
        translation: of the sentence.
        source: language of the sentence, two letters.
        target: language of the translation, likewise.
    """
    unwanted = [pattern for pattern in (_DOUBLED, _LOW) if not pattern.search(sentence)]
    if target != _SPACED and (source == _SPACED or not _HIGH.search(sentence)):
        unwanted.append(_HIGH)
    for pattern in unwanted:
        translation = pattern.sub(" " if pattern is _DOUBLED else "", translation)
    return translation
