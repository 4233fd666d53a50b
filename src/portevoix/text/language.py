"""Guess the language of a text from its letters and small words."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from portevoix.text.profiles import SCRIPT_SIGNS, SCRIPTS, SPELLINGS, Spelling

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_SAMPLE = 2000
"""Characters that are looked at; more would not change the guess."""

# Points; a guess needs to lead by `_LEAST_LEAD`, so that one letter group alone never decides.
_POINTS_PER_WORD = 2.0
_POINTS_PER_SIGN = 1.5
_POINTS_PER_GROUP = 0.5
_LEAST_LEAD = 1.0
_KANJI_PER_KANA = 20  # even a headline has one kana among so many ideographs
_LATIN = "A-Za-z\u00c0-\u024f\u1e00-\u1eff"

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def guess_language(text: str, candidates: Sequence[str] = ("fr", "en"), default: str = "fr") -> str:
    """Return the candidate that a text is most likely written in, or the default when that is not clear.

    The script with the most letters comes first: Cyrillic is "ru" (or "uk" by its own letters), kana is "ja", and so
    on. Among French and English, frequent words, letters with diacritics and letter groups each give points, and the
    best must lead clearly: "Bonjour" is enough, "OK" is not. Looks at the first `LONGEST_SAMPLE` characters.

    Args:
        text: Any text, of any length.
        candidates: Language codes to choose from, such as "fr"; a code that nothing here describes is never chosen.
        default: Returned when unsure; it need not be a candidate.
    """
    sample = unicodedata.normalize("NFC", text[:LONGEST_SAMPLE])
    language = _language_of_script(sample)
    if language is not None:
        return language if language in candidates else default
    scores = {candidate: _score(sample, SPELLINGS[candidate]) for candidate in candidates if candidate in SPELLINGS}
    return _clear_winner(scores) or default


def _language_of_script(sample: str) -> str | None:
    """Return the language of the prevailing script, or None when that is Latin or nothing."""
    if sample.isascii():
        return None
    counts = {language: len(re.findall(f"[{letters}]", sample)) for language, letters in SCRIPTS}
    # An ideograph holds as much as several letters, and Japanese writes more of them than of its own kana.
    counts["zh"] *= 3
    counts["ja"] *= 3
    if counts["ja"] * _KANJI_PER_KANA > counts["zh"]:
        counts["ja"] += counts["zh"]
    language = max(counts, key=counts.__getitem__)
    if counts[language] <= len(re.findall(f"[{_LATIN}]", sample)):
        return None
    return _neighbour(sample, language)


def _neighbour(sample: str, language: str) -> str:
    for own, shared, letters in SCRIPT_SIGNS:
        if language == shared and re.search(f"[{letters}]", sample):
            return own
    return language


def _score(sample: str, spelling: Spelling) -> float:
    folded = sample.casefold().replace("’", "'")
    known = sum(_is_known(word, spelling) for word in _WORD.findall(folded))
    elisions = len(re.findall(spelling.elisions, folded))
    signs = sum(character in spelling.signs for character in folded)
    groups = sum(len(re.findall(group, folded)) for group in spelling.groups)
    return known * _POINTS_PER_WORD + (signs + elisions) * _POINTS_PER_SIGN + groups * _POINTS_PER_GROUP


def _is_known(word: str, spelling: Spelling) -> bool:
    return word in spelling.words or word.rpartition("'")[2] in spelling.words


def _clear_winner(scores: dict[str, float]) -> str | None:
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    if not ranked:
        return None
    runner_up = scores[ranked[1]] if len(ranked) > 1 else 0.0
    return ranked[0] if scores[ranked[0]] - runner_up >= _LEAST_LEAD else None
