"""What can be asked for: models and voices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portevoix.server.errors import ModelNotFound
from portevoix.server.order import MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portevoix.level import Level
    from portevoix.speech import Voice

CREATED = 1_767_225_600
"""A date is compulsory in a model's description; ours have none, so it is the beginning of 2026, in Unix seconds."""


def list_models(levels: Sequence[Level]) -> dict[str, Any]:
    """Return every name that can be asked for as a model, in OpenAI's list shape."""
    return {"object": "list", "data": [_model(name) for name in _model_names(levels)]}


def describe_model(levels: Sequence[Level], name: str) -> dict[str, Any]:
    """Return one model.

    Raises:
        ModelNotFound: it is not listed.
    """
    if name not in _model_names(levels):
        raise ModelNotFound(f"model {name[:80]!r} is not known", f"there are {', '.join(_model_names(levels))}",
                            param="model")  # fmt: skip
    return _model(name)


def list_voices(levels: Sequence[Level]) -> list[dict[str, Any]]:
    """Return every voice that can be asked for, each under an id that finds it again; silence is nobody's wish."""
    voices = [voice for level in levels if not level.engine.is_silent for voice in level.engine.voices()]
    owners: dict[str, Voice] = {}
    for voice in sorted(voices, key=lambda one: not one.is_installed):
        owners.setdefault(voice.name, voice)
    return [_voice(voice, is_owner=owners[voice.name] is voice) for voice in voices]


def _model_names(levels: Sequence[Level]) -> tuple[str, ...]:
    return (*MODELS, *(level.name for level in levels))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "portevoix"}


def _voice(voice: Voice, *, is_owner: bool) -> dict[str, Any]:
    return {
        "id": voice.name if is_owner else f"{voice.engine}:{voice.name}",
        "name": voice.name,
        "engine": voice.engine,
        "language": voice.language,
        "installed": voice.is_installed,
        "why_not": voice.why_not,
        "hint": voice.hint,
        "sample_rate": voice.sample_rate,
        "speakers": list(voice.speakers),
        "licence": voice.licence,
    }
