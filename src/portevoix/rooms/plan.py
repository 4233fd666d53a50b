"""What runs in the room of a heavy engine."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from portevoix.rooms.worker import RoomPlan

if TYPE_CHECKING:
    from portevoix.rooms.housed import Housed

OPEN_NARRATION = "portevoix.rooms.narration:open_narration"
MEBIBYTE = 1 << 20
MOST_THREADS = 8

PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
"""Threads that have nothing to do sleep: on a busy machine those that spin make everything many times slower."""

BEAT_SECONDS = 1.0
MISSED_BEATS = 20
"""A worker that imports a heavy package for the first time may be deaf for seconds."""


def plan_of(engine: Housed) -> RoomPlan:
    """Return how an engine's narrator is run in a process of its own."""
    kind, options = type(engine), engine.options
    arguments = {
        "engine": f"{kind.__module__}:{kind.__qualname__}",
        "folder": str(engine.folder),
        "cache_folder": str(engine.cache_folder),
        "options": asdict(options),
        "voice": asdict(engine.listed()[0]),
    }
    return RoomPlan(
        engine.name,
        OPEN_NARRATION,
        arguments,
        python=str(engine.python),
        environment=PATIENT_THREADS,
        threads=options.threads or min(os.cpu_count() or 1, MOST_THREADS),
        ready_seconds=options.ready_seconds,
        cancel_seconds=engine.cancel_seconds,
        beat_seconds=BEAT_SECONDS,
        missed_beats=MISSED_BEATS,
        memory_limit_bytes=options.memory_limit_mb * MEBIBYTE,
    )
