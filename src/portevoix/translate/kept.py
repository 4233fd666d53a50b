"""What is not language, and comes out of a translation as it went in: addresses, code, marks, names in brackets, emoji.

A sentence is translated as it stands first, for engines do best with whole sentences and mostly leave these things
alone. Where one was lost, changed or doubled, only what is between them is translated.
"""

from __future__ import annotations

import re
from itertools import pairwise

_EMOJI = "\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\u2300-\u23ff\ufe0f\u200d\u20e3"

_KEPT = re.compile(
    "|".join((
        r"`[^`]{1,300}`",  # code
        r"(?:https?|ftp)://[^\s<>()\[\]]*[^\s<>()\[\].,;:!?'\"»]",
        r"www\.[^\s<>()\[\]]*[^\s<>()\[\].,;:!?'\"»]",
        r"mailto:\S+",
        r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}",  # e-mail
        r"!?\[(?=[^\]\n]{0,300}\]\()",  # opens a link or a picture; its text is language
        r"\]\([^)\s]{0,300}(?:\s+\"[^\"]{0,100}\")?\)",  # closes it
        r"\[[^\]\n]{0,300}\]",  # a name in brackets
        r"\{[^}\n]{0,300}\}",
        r"\((?:[A-Z][\w'’.-]*)(?: [A-Z][\w'’.-]*)+\)",  # names in parentheses
        r"</?[A-Za-z][^<>\n]{0,300}>|<!--.{0,300}?-->",  # markup
        r"&(?:[A-Za-z]+|#\d+|#x[0-9A-Fa-f]+);",
        r"%\(\w+\)[sdf]|%[sd]\b",
        r"(?<!\w)[@#][\w]+(?:\.\w+)*",  # somebody, or a topic
        r"\*\*\*|\*\*|__|~~|(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*])|(?<!\w)_(?=[^\s_])|(?<=[^\s_])_(?!\w)",
        r"\|",
        rf"[{_EMOJI}]+",
    ))
)  # fmt: skip
_NUMBER = re.compile(r"\d+(?:[.,:/'\u00a0\u202f ]?\d+)*")
_KEPT_OR_NUMBER = re.compile(f"{_KEPT.pattern}|{_NUMBER.pattern}")
_EMPHASIS = re.compile(r"(\*\*|__|~~|\*|_)(?=[^\s*_~])(?:[^\n]{0,400}?[^\s*_~])?\1")
_DIGITS = re.compile(r"\d+")


def has_language(text: str) -> bool:
    """Tell whether there is a letter in a text outside of what is kept."""
    return _has_letter(_KEPT.sub(" ", text))


def language_of(text: str) -> str:
    """Return a text without what is kept: what shows its language."""
    return _KEPT_OR_NUMBER.sub(" ", text)


def is_kept(sentence: str, translation: str) -> bool:
    """Tell whether a translation has all that its sentence has of what is not language, and nothing more."""
    if sorted(_KEPT.findall(sentence)) != sorted(_KEPT.findall(translation)):
        return False
    if len(_EMPHASIS.findall(sentence)) != len(_EMPHASIS.findall(translation)):
        return False
    before, after = (_DIGITS.findall(_KEPT.sub(" ", text)) for text in (sentence, translation))
    return sorted(before) == sorted(after) or "".join(before) == "".join(after)


def fragments(sentence: str) -> list[tuple[str, bool]]:
    """Return a sentence in parts: each with whether it is language to be translated; together they are the sentence."""
    bounds = {0, len(sentence)}
    for match in _KEPT_OR_NUMBER.finditer(sentence):
        bounds |= {match.start(), match.end()}
    parts = [sentence[start:end] for start, end in pairwise(sorted(bounds))]
    return [(part, _KEPT_OR_NUMBER.fullmatch(part) is None and _has_letter(part)) for part in parts]


def _has_letter(text: str) -> bool:
    return any(map(str.isalpha, text))


def margins(text: str) -> tuple[str, str, str]:
    """Return the white space before a text, the text, and the white space after it."""
    core = text.strip()
    start = text.find(core) if core else len(text)
    return text[:start], core, text[start + len(core) :]


_ENDS = ".!?…"


def trimmed(fragment: str, translation: str) -> str:
    """Return a fragment's translation without the full stop and the capital that it has not got itself."""
    if fragment[-1:] not in _ENDS and translation[-1:] == ".":
        translation = translation[:-1].rstrip()
    if fragment[:1].islower() and translation[:1].isupper() and not translation[1:2].isupper():
        translation = translation[:1].lower() + translation[1:]
    return translation
