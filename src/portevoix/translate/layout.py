"""Take a text apart into sentences and what holds them together: line breaks, list marks, headings, code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from portevoix.text.sentences import split
from portevoix.translate.kept import has_language, margins

LONGEST_SENTENCE = 400
"""Characters of a sentence that an engine gets at once; a longer one is cut at its softest places."""

_FENCE = re.compile(r"\s*(?:```|~~~)")
_BLOCK_MARK = re.compile(r"\s*(?:>\s*)*(?:[-*+•]\s+(?:\[[ xX]\]\s+)?|\d{1,4}[.)]\s+|#{1,6}\s+)?")
_CELL = re.compile(r"(\|)")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Part:
    """Hold a part of a text; all parts put together are the text.

    Attributes:
        text: as it was written.
        is_sentence: it is to be translated; anything else stays as it is.
    """

    text: str
    is_sentence: bool


def clean(text: str) -> str:
    """Return a text without NUL and other control characters, which are no writing and upset programs."""
    return _CONTROLS.sub("", text)


def take_apart(text: str) -> list[Part]:
    """Return the parts of a cleaned text, in order."""
    parts: list[Part] = []
    fence = False
    for line in text.splitlines(keepends=True):
        is_fence = _FENCE.match(line) is not None
        if is_fence or fence:
            fence = fence != is_fence
            parts.append(Part(line, is_sentence=False))
        else:
            parts.extend(_line(line))
    return _merged(parts)


def _line(line: str) -> Iterator[Part]:
    mark = _BLOCK_MARK.match(line)
    start = mark.end() if mark else 0
    yield Part(line[:start], is_sentence=False)
    body = line[start:]
    for cell in _CELL.split(body) if body.startswith("|") else [body]:
        for sentence in split(cell, LONGEST_SENTENCE):
            before, core, after = margins(sentence)
            yield Part(before, is_sentence=False)
            yield Part(core, is_sentence=has_language(core))
            yield Part(after, is_sentence=False)


def _merged(parts: list[Part]) -> list[Part]:
    """Return the parts without empty ones, and with neighbours that stay as they are made one."""
    merged: list[Part] = []
    for part in parts:
        if merged and not part.is_sentence and not merged[-1].is_sentence:
            merged[-1] = Part(merged[-1].text + part.text, is_sentence=False)
        elif part.text:
            merged.append(part)
    return merged
