"""The name under which a sentence's audio is kept."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePath
from types import MappingProxyType

from portevoix.errors import InvalidParameter

_LAYOUT = "portevoix sentence 2"
"""Part of every key; a new way of encoding takes a new one, so that old entries are never met again."""


def sentence_key(
    *,
    engine: str,
    voice: str,
    fingerprint: str,
    language: str,
    text: str,
    speed: float,
    speaker: str | int | None,
    seed: int,
    options: Mapping[str, object],
    reference: str = "",
    parameters: Mapping[str, object] = MappingProxyType({}),
) -> str:
    """Return the key of one prepared sentence, as 64 hexadecimal digits (SHA-256).

    Two sentences share a key only when everything is the same: values keep their type (1, 1.0, True and "1" differ),
    fields cannot run into one another, and text is compared by code point (no Unicode normalisation). Only `speed` is
    taken as a number whatever its type, and a list is the same as a tuple.

    Args:
        engine: name of the engine that really speaks.
        voice: name of its voice.
        fingerprint: identifies the exact model behind the voice.
        language: language of the text.
        text: the prepared sentence.
        speed: factor of the voice's own pace.
        speaker: speaker inside the voice.
        seed: seed of the engine's noise.
        options: the engine's options that change how it sounds; their order does not matter.
        reference: identifies the recording it speaks like, and its transcript; "" without one.
        parameters: values that this request sets for the engine; their order does not matter.

    Raises:
        InvalidParameter: a number is NaN or infinite, so that it does not name one sound.
        TypeError: an option is of a type that has no fixed spelling.
    """
    fields = (_LAYOUT, engine, voice, fingerprint, language, text, float(speed), speaker, seed, options,
              reference, parameters)  # fmt: skip
    return sha256(_spelling(fields)).hexdigest()


def _spelling(value: object) -> bytes:
    """Return type, length and content: an encoding in which no two values look the same."""
    kind, content = _typed(value)
    return b"%s%d:%s" % (kind, len(content), content)


def _typed(value: object) -> tuple[bytes, bytes]:  # noqa: PLR0911 -- one line for each type
    if isinstance(value, str):
        # Two lone surrogates are another text than the character they would make together.
        return b"s", value.encode("utf-8", "surrogatepass")
    if value is None:
        return b"n", b""
    if isinstance(value, bool):  # before int, which it is a kind of
        return b"t", b"%d" % value
    if isinstance(value, int):
        return b"i", b"%d" % value
    if isinstance(value, float):
        return b"f", struct.pack("<d", _finite(value))
    if isinstance(value, bytes):
        return b"b", value
    if isinstance(value, PurePath):
        return b"p", str(value).encode("utf-8", "surrogatepass")
    if isinstance(value, tuple | list):
        return b"l", b"".join(_spelling(item) for item in value)
    if isinstance(value, Mapping):
        return b"m", b"".join(sorted(_spelling(pair) for pair in value.items()))
    raise TypeError(f"{type(value).__name__} cannot be part of a cache key")


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise InvalidParameter(f"{number} cannot be part of a cache key", "it is not a finite number")
    return number + 0.0  # -0.0 is the same sound as 0.0
