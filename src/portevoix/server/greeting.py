"""What the server tells its owner when it is ready: five lines."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import portevoix
from portevoix.engine import Phase

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.level import Level

LINE_CHARACTERS = 300


def greeting(app: App, address: str) -> tuple[str, str, str, str, str]:
    """Return who speaks, what is missing, where the page is, and two things to type next."""
    order: dict[str, Any] = {"model": "tts-1", "input": "Bonjour à tous", "voice": "alloy", "response_format": "wav"}
    content = shlex.quote(json.dumps(order, ensure_ascii=False))
    return (
        _cut(f"Portevoix {portevoix.__version__} {_who_speaks(app.levels)}"),
        _cut(f"  missing  {_what_is_missing(app.levels)}"),
        f"  page     {address}/",
        f"  next     curl {address}/v1/audio/speech -H 'Content-Type: application/json' -d {content} -o bonjour.wav",
        '  or       portevoix say "Bonjour à tous" -o bonjour.wav',
    )


def _who_speaks(levels: tuple[Level, ...]) -> str:
    speaking = [level for level in levels if level.can_speak() and not level.engine.is_silent]
    if not speaking:
        return "cannot speak yet: only silence would answer"
    first, *others = [_with_voice(level) for level in speaking]
    return f"speaks with {first}" + (f", and if that fails with {', '.join(others)}" if others else "")


def _with_voice(level: Level) -> str:
    voice = next(voice for voice in level.engine.voices() if voice.is_installed)
    return f"{level.name} ({voice.name})"


def _what_is_missing(levels: tuple[Level, ...]) -> str:
    """Return what keeps levels from speaking; those that lack the same are named together."""
    lacking: dict[str, list[str]] = {}
    for level in levels:
        if not level.can_speak():
            lacking.setdefault(_lack(level), []).append(level.name)
    return " · ".join(f"{', '.join(names)}: {lack}" for lack, names in lacking.items()) or "nothing"


def _lack(level: Level) -> str:
    state = level.state()
    if state.phase is not Phase.READY:
        return state.hint or state.why or state.phase.value
    if level.breaker.is_open():
        return f"it rests: {level.last_error}"
    voices = level.engine.voices()
    return voices[0].hint or voices[0].why_not if voices else "it has no voice"


def _cut(line: str) -> str:
    flat = " ".join(line.split("\n"))
    return flat if len(flat) <= LINE_CHARACTERS else flat[: LINE_CHARACTERS - 1] + "…"
