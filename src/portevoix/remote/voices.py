"""Voices as speech servers list them, each in its own shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from portevoix.speech import Voice

MOST_VOICES = 2000
LONGEST_NAME = 200

_KOKORO = {"a": "en-US", "b": "en-GB", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-BR", "z": "zh"}
"""The first letter of a Kokoro voice is its language, the second its gender: `ff_siwis`."""

_KOKORO_NAME = re.compile(r"([abefhijpz])[fm]_[a-z]+\Z")
_TAG_NAME = re.compile(r"([a-z]{2,3})[_-]([A-Z]{2})\b")
"""A name that begins with a language and a region, as `fr_FR-siwis-medium` or `en-US-AriaNeural`."""


def listed_voices(content: Any, engine: str, fingerprint: str) -> tuple[Voice, ...]:
    """Return the voices in the JSON of `GET /audio/voices`, in its order; none where it is no list of voices.

    It may be a list or an object that holds one as `voices` or `data`; an entry is a name or an object with an `id`,
    `name`, `voice_id` or `voice`, and perhaps a `language`.
    """
    voices: dict[str, Voice] = {}
    for name, language in _entries(content):
        voices.setdefault(name, remote_voice(name, engine, language or language_of(name), fingerprint))
        if len(voices) == MOST_VOICES:
            break
    return tuple(voices.values())


def remote_voice(name: str, engine: str, language: str, fingerprint: str) -> Voice:
    """Return a voice of a server; `language` "" for one that speaks any."""
    return Voice(name, engine, language, fingerprint=fingerprint)


def language_of(name: str) -> str:
    """Return the language that a voice's name tells in a way of Kokoro, Piper or Edge, or ""."""
    if kokoro := _KOKORO_NAME.match(name):
        return _KOKORO[kokoro[1]]
    tag = _TAG_NAME.match(name)
    return f"{tag[1]}-{tag[2]}" if tag else ""


def _entries(content: Any) -> Iterator[tuple[str, str]]:
    rows = content
    if isinstance(content, dict):
        rows = next((content[key] for key in ("voices", "data") if isinstance(content.get(key), list)), [])
    for row in rows if isinstance(rows, list) else []:
        if name := _name(row):
            yield name, _language(row)


def _name(row: Any) -> str:
    """Return an entry's name, "" for what is none or is said not to be there."""
    if isinstance(row, dict):
        if row.get("installed") is False:
            return ""
        row = next((row[key] for key in ("id", "voice_id", "name", "voice") if isinstance(row.get(key), str)), "")
    return row if isinstance(row, str) and row.isprintable() and len(row) <= LONGEST_NAME else ""


def _language(row: Any) -> str:
    """Return an entry's language where it is written as a tag, "" where not."""
    if not isinstance(row, dict):
        return ""
    told = next((row[key] for key in ("language", "lang", "locale") if isinstance(row.get(key), str)), "")
    tag = told.replace("_", "-")
    return tag if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag) else ""
