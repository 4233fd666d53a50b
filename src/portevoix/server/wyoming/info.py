"""What a Wyoming client is told of this server: its voices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import portevoix
from portevoix.server.listing import list_voices
from portevoix.server.wyoming.wire import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portevoix.level import Level

OTHER_SERVICES = ("asr", "handle", "intent", "wake", "mic", "snd")


def describe(levels: Sequence[Level]) -> Event:
    """Return the answer to `describe`: every voice that can be asked for and heard, under the name that finds it."""
    voices = [_voice(voice) for voice in list_voices(levels) if voice["installed"] and voice["language"]]
    program = {
        "name": "portevoix",
        "description": "Speech that never goes silent",
        "attribution": {"name": "Portevoix", "url": ""},
        "installed": True,
        "version": portevoix.__version__,
        "voices": voices,
        "supports_synthesize_streaming": True,
    }
    return Event("info", {"tts": [program], **{name: [] for name in OTHER_SERVICES}})


def _voice(voice: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": voice["id"],
        "description": f"{voice['name']} ({voice['engine']})",
        "attribution": {"name": voice["engine"], "url": ""},
        "installed": True,
        "version": None,
        "languages": [voice["language"]],
        "speakers": [{"name": name} for name in voice["speakers"]] or None,
    }
