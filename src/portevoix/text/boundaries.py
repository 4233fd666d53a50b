"""Where a sentence ends: the rules, one possible place at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from portevoix.text.abbreviations import BEFORE_NAMES, BEFORE_NUMBERS, FIRST_WORDS, NEVER_FINAL, SOMETIMES_FINAL

if TYPE_CHECKING:
    from portevoix.text.arrival import Arrival

ENDERS = ".!?…؟۔⁇⁈⁉‼"
"""End a sentence when white space follows."""

WIDE_ENDERS = "。！？｡।॥։።។"
"""End a sentence by themselves, in scripts that set no space after them."""

_ALL_ENDERS = ENDERS + WIDE_ENDERS
_CLOSERS = "\"'”’»›“)]}*_~」』）】》〉"
_WIDE_CLOSERS = "”’»)]」』）】》〉"
_CONTINUING = ",;:–—=(.…"
_LONGEST_TOKEN = 24
_SHORT_WORD = 4  # letters; a shorter word with a period may be an abbreviation that no list knows
_LONGEST_FIRST_WORD = 12

_INITIALS = re.compile(r"(?:[^\W\d_]\.[-‐]?)*[^\W\d_]")
_LIST_NUMBER = re.compile(r"[0-9]{1,3}")
_TOKEN_PREFIX = re.compile(r"^[^\w§]*(?:\w{1,2}['’])?")
_INNER_SIGNS = re.compile("['’-]")
_LINE_PREFIX = " \t>#*_-+•(["


def sentence_end(arrival: Arrival, start: int, mark: int, *, is_quoting: bool) -> int | None:
    """Return where the sentence ends that an ender may close, or None when it goes on.

    The end includes closing quotes and brackets and one white space.

    Args:
        arrival: The text so far.
        start: Where the sentence starts.
        mark: The index of one of `ENDERS` or `WIDE_ENDERS`.
        is_quoting: Whether a « is open, so that a » may follow after a space.

    Raises:
        Undecided: The text that decides it has not arrived.
    """
    if mark > start and arrival.text[mark - 1] in _ALL_ENDERS:
        return None  # decided at the first one of the row
    after = arrival.skip(mark, _ALL_ENDERS)
    if arrival.text[after - 1] in WIDE_ENDERS:
        closed = arrival.skip(after, _WIDE_CLOSERS)
        return _after_space(arrival, closed) if arrival.at(closed).isspace() else closed
    closed = arrival.skip(after, _CLOSERS)
    if not arrival.at(closed).isspace():
        return None
    if is_quoting and arrival.at(quote := arrival.skip_space(closed, 2)) == "»":
        closed = arrival.skip(quote, _CLOSERS)
        if not arrival.at(closed).isspace():
            return None
    if _goes_on(arrival, start, mark, after, closed):
        return None
    return _after_space(arrival, closed)


def _after_space(arrival: Arrival, index: int) -> int:
    return index + 2 if arrival.at(index) == "\r" and arrival.at(index + 1) == "\n" else index + 1


def _goes_on(arrival: Arrival, start: int, mark: int, after: int, gap: int) -> bool:
    enders = arrival.text[mark:after]
    if gap > after:
        return _is_small_next(arrival, gap)
    if enders.strip(".…"):
        return False
    if enders != ".":
        return _is_small_next(arrival, gap)
    token = _TOKEN_PREFIX.sub("", re.split(r"\s", arrival.text[max(start, mark - _LONGEST_TOKEN) : mark])[-1])
    return _is_abbreviation(arrival, token, gap) or _is_list_number(arrival, start, mark, token)


def _is_abbreviation(arrival: Arrival, token: str, gap: int) -> bool:
    folded = token.casefold()
    if token in BEFORE_NAMES or folded in NEVER_FINAL:
        return True
    if folded in BEFORE_NUMBERS and _is_number_next(arrival, gap):
        return True
    if _INITIALS.fullmatch(token):
        return _is_small_next(arrival, gap) or (token[-1].isupper() and not _is_first_word_next(arrival, gap))
    if _INNER_SIGNS.sub("", token).isalpha() and len(token) > _SHORT_WORD and folded not in SOMETIMES_FINAL:
        return False
    return _is_small_next(arrival, gap)


def _is_list_number(arrival: Arrival, start: int, mark: int, token: str) -> bool:
    if not _LIST_NUMBER.fullmatch(token):
        return False
    line_start = max(start, arrival.text.rfind("\n", start, mark) + 1)
    return not arrival.text[line_start : mark - len(token)].strip(_LINE_PREFIX)


def _is_small_next(arrival: Arrival, gap: int) -> bool:
    following = arrival.at(arrival.skip_space(gap))
    return following.islower() or (following != "" and following in _CONTINUING)


def _is_number_next(arrival: Arrival, gap: int) -> bool:
    index = arrival.skip_space(gap)
    following = arrival.at(index)
    is_code = following.isupper() and arrival.at(index + 1) in tuple(".-0123456789")  # "art. L. 121", "fig. A-2"
    return following.isdigit() or is_code


def _is_first_word_next(arrival: Arrival, gap: int) -> bool:
    first = last = arrival.skip_space(gap)
    while last < first + _LONGEST_FIRST_WORD and arrival.at(last).isalpha():
        last += 1
    following = arrival.at(last)
    word = arrival.text[first:last].casefold()
    if following == ".":
        return False  # one more initial
    return word in FIRST_WORDS or (following in tuple("'’") and f"{word}'" in FIRST_WORDS)


def line_end(arrival: Arrival, start: int, mark: int) -> int | None:
    """Return where the piece ends that a line feed may close, or None when the line only wraps.

    A blank line, a heading, a table row, and a following list item, quote, heading, fence or dash of dialogue end it.

    Args:
        arrival: The text so far.
        start: Where the piece starts.
        mark: The index of the line feed.

    Raises:
        Undecided: The text that decides it has not arrived.
    """
    line = arrival.text[max(start, arrival.text.rfind("\n", start, mark) + 1) : mark].lstrip()
    if not line and not arrival.text[start:mark].strip():
        return None  # nothing but white space yet
    if not line or line[0] in "#|" or line.startswith(("```", "~~~")):
        return mark + 1
    first = arrival.skip(mark + 1, " \t")
    following = arrival.at(first)
    if following == "\n":
        return first + 1
    if following == "\r" and arrival.at(first + 1) == "\n":
        return first + 2
    return mark + 1 if _is_block_mark(arrival, first, following) else None


def _is_block_mark(arrival: Arrival, index: int, following: str) -> bool:
    if following == "":
        return False
    if following in "#>|•‣—–":
        return True
    if following in "-*+":
        return arrival.at(index + 1) in tuple(" \t-*")
    if following in "`~":
        return arrival.at(index + 1) == following and arrival.at(index + 2) == following
    if following in "0123456789":
        last = arrival.skip(index, "0123456789", 3)
        return arrival.at(last) in tuple(".)") and arrival.at(last + 1).isspace()
    return False
