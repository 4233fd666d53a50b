"""The truth about each level, for people and for whatever watches the server."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import portevoix
from portevoix.engine import Phase

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.level import Level
    from portevoix.server.queue import Queue


def describe_level(level: Level) -> dict[str, Any]:
    """Return where a level stands, why, and what to do."""
    state, breaker = level.state(), level.breaker
    why = state.why or (str(level.last_error or "") if breaker.is_open() else "")
    return {
        "name": level.name,
        "summary": level.engine.summary,
        "priority": level.settings.priority,
        "state": state.phase.value,
        "can_speak": can_speak(level),
        "silent": level.engine.is_silent,
        "why": why,
        "hint": state.hint,
        "code": state.code,
        "device": state.device,
        "target_latency_ms": level.settings.target_latency_ms,
        "breaker": {
            "state": breaker.state,
            "failures": breaker.failures,
            "rest_seconds": round(breaker.rest_seconds, 1),
        },
        "voices": sum(voice.is_installed for voice in level.engine.voices()),
    }


def can_speak(level: Level) -> bool:
    """Return whether a request would be spoken, or answered with silence, by this level now."""
    has_voice = any(voice.is_installed for voice in level.engine.voices())
    return level.state().phase is Phase.READY and not level.breaker.is_open() and has_voice


def is_audible(app: App) -> bool:
    """Return whether any level can speak so that it is heard."""
    return any(can_speak(level) and not level.engine.is_silent for level in app.levels)


def describe_app(app: App, queue: Queue, uptime_seconds: float) -> dict[str, Any]:
    """Return everything there is to know about a running server."""
    return {
        "version": portevoix.__version__,
        "uptime_seconds": round(uptime_seconds, 1),
        "ready": is_audible(app),
        "engines": [describe_level(level) for level in app.levels],
        "cache": None if app.cache is None else asdict(app.cache.stats()),
        "queue": {"running": queue.running, "waiting": queue.waiting},
        "flags": asdict(app.flags.flags),
    }
