"""Make what people paste speakable."""

from __future__ import annotations

import re

from portevoix.text.characters import clean_characters, tidy_spaces
from portevoix.text.hypertext import shorten_addresses, strip_html
from portevoix.text.markdown import strip_blocks, strip_emphasis, strip_links

_MOST_PASSES = 6  # markup inside markup takes one more each; real text takes two

_REPEATED_MARK = re.compile(r"([^\w\s])\1{3,}")
_SHOUTED_MARKS = re.compile(r"([!?]{3})[!?]+")
_WORD = re.compile(r"[^\W_]+")


def sanitize(text: str) -> str:
    """Return the speakable part of a text.

    Removed: control and invisible characters, lone surrogates, emoji, the marks of Markdown and HTML, and all of a web
    address but its host. Kept: every letter and digit of ordinary prose, its punctuation (a mark repeated at most three
    times), line breaks and single blank lines. White space becomes plain, letters composed (NFC).

    The result is stable: sanitising it again changes nothing. A text may be given whole or in pieces, one sentence or
    line at a time. Takes time in proportion to the length of the text, whatever it holds.
    """
    for _ in range(_MOST_PASSES):
        cleaned = _clean(text)
        if cleaned == text:
            return text
        text = cleaned
    # Markup nested this deep is no prose: its words alone remain, and words alone are stable.
    return " ".join(_WORD.findall(text))


def _clean(text: str) -> str:
    text = _limit_repeats(clean_characters(text))
    text = strip_links(strip_html(text))
    text = strip_blocks(shorten_addresses(text))
    return tidy_spaces(strip_emphasis(text))


def _limit_repeats(text: str) -> str:
    return _SHOUTED_MARKS.sub(r"\1", _REPEATED_MARK.sub(r"\1\1\1", text))
