"""Voices and models as ElevenLabs describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portevoix.errors import VoiceNotFound
from portevoix.server.voices import STORED, all_voices
from portevoix.speech import language_family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portevoix.app import App
    from portevoix.level import Level

CHAIN = "portevoix"


async def describe_voices(app: App) -> list[dict[str, Any]]:
    """Return every voice that is on this machine and can be heard, those that are kept of people too."""
    return [_voice(voice) for voice in await all_voices(app) if voice["installed"]]


async def describe_voice(app: App, name: str) -> dict[str, Any]:
    """Return one voice.

    Raises:
        VoiceNotFound: it is not among those that `describe_voices` returns.
    """
    voices = await describe_voices(app)
    for voice in voices:
        if voice["voice_id"] == name:
            return voice
    known = ", ".join(voice["voice_id"] for voice in voices[:24]) or "none"
    raise VoiceNotFound(f"voice {name[:80]!r} is not known", f"there are {known}", param="voice_id")


def describe_models(levels: Sequence[Level], max_text_length: int) -> list[dict[str, Any]]:
    """Return the whole chain as a model, and each engine that can be heard."""
    audible = [level for level in levels if not level.engine.is_silent]
    whole = _model(CHAIN, "Every engine, the best that can speak first", audible, max_text_length)
    return [whole, *(_model(level.name, level.engine.summary, [level], max_text_length) for level in audible)]


def _voice(voice: Mapping[str, Any]) -> dict[str, Any]:
    language = language_family(voice["language"])
    by, is_stored = voice["engine"], voice.get("type") == STORED
    verified = {"language": language, "model_id": CHAIN, "accent": "", "locale": voice["language"], "preview_url": None}
    return {
        "voice_id": voice["id"],
        "name": voice["name"],
        "category": "cloned" if is_stored else "premade",
        "description": voice["name"] + (f" ({by})" if by else ""),
        "labels": {label: value for label, value in (("language", language), ("engine", by)) if value},
        "created_at_unix": voice.get("created_at"),
        "preview_url": None,
        "samples": None,
        "settings": None,
        "sharing": None,
        "available_for_tiers": [],
        "high_quality_base_model_ids": [],
        "verified_languages": [verified] if language else [],
        "is_owner": True,
        "is_legacy": False,
        "is_mixed": False,
    }


def _model(name: str, description: str, levels: Sequence[Level], max_text_length: int) -> dict[str, Any]:
    voices = [voice for level in levels for voice in level.engine.voices() if voice.is_installed]
    languages = sorted({voice.family for voice in voices if voice.family})
    return {
        "model_id": name,
        "name": name,
        "description": description,
        "can_do_text_to_speech": True,
        "can_do_voice_conversion": False,
        "can_be_finetuned": False,
        "can_use_style": False,
        "can_use_speaker_boost": False,
        "serves_pro_voices": False,
        "requires_alpha_access": False,
        "token_cost_factor": 0.0,
        "maximum_text_length_per_request": max_text_length,
        "languages": [{"language_id": language, "name": language} for language in languages],
    }
