"""The truth about each level, for people and for whatever watches the server."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import portevoix
from portevoix.engine import KeepsProcesses
from portevoix.server.models import describe_progress
from portevoix.system.memory import resident_bytes

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.level import Level
    from portevoix.models.progress import Progress
    from portevoix.server.queue import Queue


def describe_level(level: Level, download: Progress | None = None) -> dict[str, Any]:
    """Return where a level stands, why, and what to do; `download` is what it waits for."""
    state, breaker = level.state(), level.breaker
    why = state.why or (str(level.last_error or "") if breaker.is_open() else "")
    if download is not None:
        why = f"fetching {download.model}: {download.ratio:.0%}"
    return {
        "name": level.name,
        "summary": level.engine.summary,
        "priority": level.settings.priority,
        "state": state.phase.value,
        "can_speak": level.can_speak(),
        "silent": level.engine.is_silent,
        "why": why,
        "hint": state.hint,
        "code": state.code,
        "device": state.device,
        "target_latency_ms": level.settings.target_latency_ms,
        "breaker": {
            "state": breaker.state,
            "failures": breaker.failures,
            "failure_threshold": breaker.failure_threshold,
            "rest_seconds": round(breaker.rest_seconds, 1),
        },
        "voices": sum(voice.is_installed for voice in level.engine.voices()),
        "download": None if download is None else describe_progress(download),
    }


def describe_levels(app: App) -> list[dict[str, Any]]:
    """Return where each level stands, with the downloads under way."""
    return [describe_level(level, app.library.progress_for(level.name)) for level in app.levels]


def is_audible(app: App) -> bool:
    """Return whether any level can speak so that it is heard."""
    return any(level.can_speak() and not level.engine.is_silent for level in app.levels)


def describe_app(app: App, queue: Queue, uptime_seconds: float) -> dict[str, Any]:
    """Return what is known without looking at the machine."""
    return {
        "version": portevoix.__version__,
        "uptime_seconds": round(uptime_seconds, 1),
        "ready": is_audible(app),
        "engines": describe_levels(app),
        "cache": None if app.cache is None else asdict(app.cache.stats()),
        "queue": queue.describe(),
        "flags": asdict(app.flags.flags),
    }


def describe_machine(app: App) -> dict[str, Any]:
    """Return memory and disks; looks at files, so call it on a thread."""
    workers: list[dict[str, Any]] = [
        {"engine": level.name, "pid": pid, "bytes": resident_bytes(pid)}
        for level in app.levels
        if isinstance(level.engine, KeepsProcesses)
        for pid in level.engine.processes()
    ]
    server = resident_bytes(os.getpid())
    total = server + sum(worker["bytes"] for worker in workers)
    folders = {"data": app.settings.data_folder, "cache": app.settings.cache_folder}
    return {
        "memory": {"server_bytes": server, "workers": workers, "total_bytes": total},
        "disks": [{"use": use, **_room(folder)} for use, folder in folders.items()],
    }


def _room(folder: Path) -> dict[str, int]:
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path.cwd())
    usage = shutil.disk_usage(existing)
    return {"free_bytes": usage.free, "size_bytes": usage.total}
