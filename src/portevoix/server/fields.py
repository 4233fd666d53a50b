"""The fields of a JSON object, each read as what it must be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from portevoix.errors import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Mapping

SEED_BITS = 63


def require_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there.

    Raises:
        InvalidParameter: it is missing, of another type, or has half a surrogate pair.
    """
    value = read_text(fields, name)
    if value is None:
        raise InvalidParameter(f"{name} is missing", hint=f"Send a text as {name}.", param=name)
    return value


def read_text(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a text, or None where there is none.

    Raises:
        InvalidParameter: it is of another type, or has half a surrogate pair.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_value(name, value, "it must be a text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        why = f"character {error.start} is half of a surrogate pair"
        raise InvalidParameter(f"{name} is no valid text", why, "Send whole characters.", param=name) from error
    return value


def read_number(fields: Mapping[str, Any], name: str, default: float) -> float:
    """Return a finite number.

    Raises:
        InvalidParameter: it is something else.
    """
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise wrong_value(name, value, "it must be a number")
    return value


def read_flag(fields: Mapping[str, Any], name: str) -> bool:
    """Return true or false, false where it is not said.

    Raises:
        InvalidParameter: it is something else.
    """
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong_value(name, value, "it must be true or false")
    return bool(value)


def read_section(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object, empty where there is none.

    Raises:
        InvalidParameter: it is something else.
    """
    value = fields.get(name)
    if value is not None and not isinstance(value, dict):
        raise wrong_value(name, value, "it must be an object")
    return value or {}


def read_seed(fields: Mapping[str, Any]) -> int:
    """Return the field `seed`, 0 where there is none.

    Raises:
        InvalidParameter: it is no whole number of at most 63 bits.
    """
    value = fields.get("seed")
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value.bit_length() > SEED_BITS:
        raise wrong_value("seed", value, f"it must be a whole number of at most {SEED_BITS} bits")
    return value


def read_speaker(fields: Mapping[str, Any], name: str = "speaker") -> str | int | None:
    """Return a speaker's name or number.

    Raises:
        InvalidParameter: it is neither.
    """
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return read_text(fields, name)


def wrong_value(name: str, value: object, why: str) -> InvalidParameter:
    """Return the refusal of a field's value."""
    return InvalidParameter(f"{name} is {value!r:.60}", why, param=name)
