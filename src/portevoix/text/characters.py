"""The characters of a text: which ones a voice can meet, and in which form."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MARKS_PER_LETTER = 8
"""Combining marks kept in a row: more than any orthography stacks, few enough to keep normalisation linear."""

_SKIPPED = "\ufffc"  # stands for a picture until its neighbours tell whether a space takes its place

# A terminal's colour and cursor commands (ECMA-48 control sequences).
_TERMINAL_COMMAND = re.compile(r"\x1b\[[0-?]{0,32}[ -/]{0,4}[@-~]")
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
# Persian, Urdu and the Indic scripts spell with the joiners; anywhere else they are invisible.
_STRAY_JOINER = re.compile("(?<![\u0600-\u0dff])[\u200c\u200d]+|[\u200c\u200d]+(?![\u0600-\u0dff\u200c\u200d])")
_SKIPPED_BEFORE_PAUSE = re.compile(rf"(?<!{_SKIPPED}){_SKIPPED}++(?=[\s.,;:!?…)\]»”]|\Z)")
_SKIPPED_INSIDE = re.compile(rf"{_SKIPPED}+")
_MARK_CANDIDATES = re.compile(rf"[^\w\s\x00-\x7f]{{{MARKS_PER_LETTER + 1},}}")

_LINE_ENDS = "\n\r\x0b\x0c\x85\u2028\u2029"
_JOINERS = "\u200c\u200d"
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"
_INVISIBLE_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn")
_EMOJI_RANGE = ((0x1F000, 0x1FBFF),)
_PICTURE_RANGES = ((0x2190, 0x31FF), (0xFFFC, 0xFFFD))
_VARIATION_SELECTORS = ((0x180B, 0x180D), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
# Letters dressed up as symbols: circled, mathematical, full width, and ligatures of the press.
_STYLED_RANGES = (
    (0x24B6, 0x24E9),
    (0x1D400, 0x1D7FF),
    (0xFF10, 0xFF19),
    (0xFF21, 0xFF3A),
    (0xFF41, 0xFF5A),
    (0xFB00, 0xFB06),
)


class _Replacements(dict[int, str | None]):
    """Replacement of each character, looked up when it is first met; made anew for each text."""

    def __missing__(self, code: int) -> str | None:
        replacement = self[code] = _replacement(chr(code))
        return replacement


def clean_characters(text: str) -> str:
    """Return a text without the characters that no voice can say, composed (NFC), with plain white space.

    Control, format, surrogate, private and unassigned characters disappear; emoji and other pictures are skipped, with
    a space where they stood between two words; letters dressed up as symbols become plain letters; every white space
    is one space or line break. Takes time in proportion to the length of the text.
    """
    if "\x1b" in text:
        text = _TERMINAL_COMMAND.sub("", text)
    if not text.isascii():
        text = _STRAY_JOINER.sub("", _KEYCAP.sub(_SKIPPED, text))
    text = text.replace("\r\n", "\n").translate(_Replacements())
    if not text.isascii():
        text = _SKIPPED_INSIDE.sub(" ", _SKIPPED_BEFORE_PAUSE.sub("", text))
        text = unicodedata.normalize("NFC", _MARK_CANDIDATES.sub(_limit_marks, text))
    return tidy_spaces(text)


def tidy_spaces(text: str) -> str:
    """Return a text with single spaces, no space at the ends of lines, and at most one blank line in a row.

    Expects the white space that `clean_characters` leaves: spaces and line feeds.
    """
    text = re.sub(" {2,}", " ", text)
    if "\n" in text:
        text = re.sub("\n{3,}", "\n\n", re.sub(" ?\n ?", "\n", text))
    return text.strip()


@lru_cache(maxsize=4096)
def _replacement(character: str) -> str | None:
    category = unicodedata.category(character)
    if character in _LINE_ENDS:
        return "\n"
    if character.isspace() or character in _BLANK_LETTERS:
        return " "
    if _is_in(character, _STYLED_RANGES):
        return unicodedata.normalize("NFKC", character)
    if _is_picture(character, category):
        return _SKIPPED
    return None if _is_invisible(character, category) else character


def _is_picture(character: str, category: str) -> bool:
    if _is_in(character, _EMOJI_RANGE):
        return category in ("So", "Sk", "Cn")  # emoji younger than the interpreter's tables are unassigned there
    return category == "So" and _is_in(character, _PICTURE_RANGES)


def _is_invisible(character: str, category: str) -> bool:
    if character in _JOINERS:
        return False  # the stray ones are gone already
    return category in _INVISIBLE_CATEGORIES or _is_in(character, _VARIATION_SELECTORS)


def _is_in(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    code = ord(character)
    return any(first <= code <= last for first, last in ranges)


def _limit_marks(run: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks <= MARKS_PER_LETTER:
            kept.append(character)
    return "".join(kept)
