"""What the house's values look like in a frame's header.

Needs no numpy, so that a worker is up before it is imported.
"""

from __future__ import annotations

from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Any

from portevoix.errors import EngineError, EngineFailed, PortevoixError, RequestError
from portevoix.speech import Reference, Utterance, Voice, WordMark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def utterance_fields(utterance: Utterance) -> dict[str, Any]:
    """Return an utterance as JSON-able fields."""
    return asdict(utterance)


def utterance_from(fields: Mapping[str, Any]) -> Utterance:
    """Return the utterance that `utterance_fields` wrote."""
    reference = fields["reference"]
    return Utterance(**{
        **fields,
        "voice": voice_from(fields["voice"]),
        "reference": reference and Reference(**reference),
        "parameters": tuple((name, value) for name, value in fields["parameters"]),
    })  # fmt: skip


def voice_from(fields: Mapping[str, Any]) -> Voice:
    """Return the voice that `dataclasses.asdict` wrote."""
    return Voice(**{**fields, "speakers": tuple(fields["speakers"]), "languages": tuple(fields["languages"])})


def mark_fields(marks: tuple[WordMark, ...]) -> list[tuple[Any, ...]]:
    """Return marks as tuples, in the order of their fields."""
    return [astuple(mark) for mark in marks]


def marks_from(fields: list[list[Any]]) -> tuple[WordMark, ...]:
    """Return the marks that `mark_fields` wrote."""
    return tuple(WordMark.from_fields(mark) for mark in fields)


def error_fields(error: BaseException) -> dict[str, str]:
    """Return an error as fields; one that is not of the house is an engine's failure."""
    if isinstance(error, PortevoixError):
        return error.parts
    why = f"{type(error).__name__}: {error}"
    return {"code": EngineFailed.code, "what": "the worker failed", "why": why, "hint": ""}


def error_from(fields: Mapping[str, Any]) -> PortevoixError:
    """Return the error that `error_fields` wrote, as an instance of the same class."""
    kind = _kinds().get(str(fields.get("code")), EngineFailed)
    return kind(str(fields.get("what", "")), str(fields.get("why", "")), str(fields.get("hint", "")))


def _kinds() -> dict[str, type[PortevoixError]]:
    """Return the classes that a worker may raise, by code: those made of three parts."""
    return {kind.code: kind for family in (EngineError, RequestError) for kind in _family(family)}


def _family(kind: type[PortevoixError]) -> Iterator[type[PortevoixError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)
