"""Where a text may be cut without tearing apart one visible character."""

from __future__ import annotations

import unicodedata

_ZERO_WIDTH_JOINER = "\u200d"
_VIRAMA_CLASS = 9  # canonical combining class of the signs that fuse two consonants of an Indic script


def is_joined(text: str, index: int) -> bool:
    """Tell whether the characters on both sides of an index belong to one visible character.

    A compact form of the grapheme cluster rules of Unicode Standard Annex 29: combining marks, surrogate pairs,
    joiners, skin tones, flags, Indic conjuncts, Hangul letters and CR LF. Flags are counted from the nearest
    character that is no regional indicator, which costs time in proportion to that run.

    Args:
        text: Any text, lone surrogates included.
        index: A place between two characters, 0 to ``len(text)``; both ends of the text count as free.
    """
    if not 0 < index < len(text):
        return False
    before, after = text[index - 1], text[index]
    if after.isascii():
        return before == "\r" and after == "\n"
    return (
        _is_extending(after)
        or before == _ZERO_WIDTH_JOINER
        or (_is_in(before, 0xD800, 0xDBFF) and _is_in(after, 0xDC00, 0xDFFF))
        or (unicodedata.combining(before) == _VIRAMA_CLASS and after.isalpha())
        or (_is_hangul_letter(after) and _is_hangul(before))
        or (_is_regional_indicator(after) and _is_flag_open(text, index))
    )


def _is_in(character: str, first: int, last: int) -> bool:
    return first <= ord(character) <= last


def _is_extending(character: str) -> bool:
    return (
        unicodedata.category(character)[0] == "M"
        or character in "\u200c\u200d"
        or _is_in(character, 0x1F3FB, 0x1F3FF)  # skin tones
        or _is_in(character, 0xE0020, 0xE007F)  # tags, the spelling of regional flags
    )


def _is_hangul_letter(character: str) -> bool:
    return _is_in(character, 0x1100, 0x11FF)


def _is_hangul(character: str) -> bool:
    return _is_hangul_letter(character) or _is_in(character, 0xAC00, 0xD7A3)


def _is_regional_indicator(character: str) -> bool:
    return _is_in(character, 0x1F1E6, 0x1F1FF)


def _is_flag_open(text: str, index: int) -> bool:
    first = index
    while first > 0 and _is_regional_indicator(text[first - 1]):
        first -= 1
    return (index - first) % 2 == 1
