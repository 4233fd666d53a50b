"""What has a state of its own, as metrics: engines, their processes, the cache, disks."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from portevoix.cache.cache import SpeechCache
from portevoix.cache.memory import TierStats
from portevoix.engine import KeepsProcesses, Phase
from portevoix.level import Level
from portevoix.metrics import Metrics
from portevoix.system.memory import resident_bytes
from portevoix.translate.translator import Translator

Values = dict[tuple[str, ...], float]

OUTCOMES = ("translated", "cached", "failed")


def watch_levels(metrics: Metrics, levels: Sequence[Level]) -> None:
    """Export where each level stands, and the processes that its engine keeps."""
    for level in levels:
        metrics.introduce(level.name)
    metrics.watch("tts_audible", "1 when a request would be heard now", [], lambda: {(): _is_audible(levels)})
    metrics.watch(
        "tts_engine_ready", "1 when the engine can speak", ["backend"],
        lambda: {(level.name,): level.state().phase is Phase.READY for level in levels},
    )  # fmt: skip
    metrics.watch("tts_engine_state", "1 for the state the engine is in", ["backend", "state"], lambda: _states(levels))
    metrics.watch(
        "tts_engine_target_seconds", "First audio that is expected of the engine", ["backend"],
        lambda: {(level.name,): level.settings.target_latency_ms / 1000 for level in levels},
    )  # fmt: skip
    metrics.watch(
        "tts_breaker_rest_seconds", "How long the engine still rests", ["backend"],
        lambda: {(level.name,): level.breaker.rest_seconds for level in levels},
    )  # fmt: skip
    Workers(levels).watch(metrics)


def watch_translator(metrics: Metrics, translator: Translator) -> None:
    """Export what each translation engine has done, and whether it can."""
    metrics.watch(
        "tts_translations_total", "Sentences by translation engine and what became of them", ["engine", "outcome"],
        lambda: {(guard.name, outcome): guard.counts[outcome] for guard in translator.guards for outcome in OUTCOMES},
    )  # fmt: skip
    metrics.watch(
        "tts_translator_ready", "1 when the translation engine can translate", ["engine"],
        lambda: {(guard.name,): guard.refusal() is None and bool(guard.engine.directions())
                 for guard in translator.guards},
    )  # fmt: skip


def watch_disks(metrics: Metrics, folders: Mapping[str, Path]) -> None:
    """Export the room on the disks that hold `folders`, by what they are for."""

    def read(fact: str) -> Values:
        return {(use,): getattr(_usage(folder), fact) for use, folder in folders.items()}

    metrics.watch("tts_disk_free_bytes", "Free space where the folder lies", ["folder"], lambda: read("free"))
    metrics.watch("tts_disk_size_bytes", "Size of the disk where the folder lies", ["folder"], lambda: read("total"))


def watch_cache(metrics: Metrics, cache: SpeechCache | None, limits: Mapping[str, int]) -> None:
    """Export what the cache holds, of at most `limits` bytes in each tier; nothing where there is none."""

    def read(fact: str) -> Values:
        return {} if cache is None else {(tier,): getattr(stats, fact) for tier, stats in _tiers(cache)}

    for fact, text in (("bytes", "Audio kept in the cache"), ("entries", "Sentences kept in the cache")):
        metrics.watch(f"tts_cache_{fact}", text, ["tier"], partial(read, fact))
    metrics.watch(
        "tts_cache_evictions_total", "Sentences that made room for others", ["tier"], lambda: read("evictions")
    )
    metrics.watch(
        "tts_cache_dropped_writes_total", "Sentences that the disk was too slow for", [],
        lambda: {(): 0 if cache is None else cache.stats().dropped_writes},
    )  # fmt: skip
    metrics.watch(
        "tts_cache_limit_bytes", "Most audio that is kept in the cache", ["tier"],
        lambda: {} if cache is None else {(tier,): limits[tier] for tier, _ in _tiers(cache)},
    )  # fmt: skip


def watch_queue_limits(metrics: Metrics, running: int, waiting: int) -> None:
    """Export how much the queue takes on."""
    metrics.watch("tts_queue_running_limit", "Most requests that are spoken at once", [], lambda: {(): running})
    metrics.watch("tts_queue_waiting_limit", "Most requests that wait for their turn", [], lambda: {(): waiting})


class Workers:
    """Follow the processes that engines keep: how many, how much memory, and how often a new one began."""

    def __init__(self, levels: Sequence[Level]) -> None:
        """Follow those of `levels`."""
        self._levels = levels
        self._known: frozenset[tuple[str, int]] = frozenset()
        self._begun = Counter({level.name: 0 for level in levels if isinstance(level.engine, KeepsProcesses)})
        self._noting = threading.Lock()

    def watch(self, metrics: Metrics) -> None:
        """Export them, and look for new ones at each beat as well."""
        metrics.sample("workers", self.note)
        metrics.watch("tts_workers", "Processes that the engine keeps", ["backend"], self._counts)
        metrics.watch(
            "tts_worker_resident_bytes", "Memory of a process that the engine keeps", ["backend", "worker"],
            self._memory,
        )  # fmt: skip
        metrics.watch("tts_worker_starts_total", "Processes that the engine has begun", ["backend"], self._starts)

    def note(self) -> None:
        """Count the processes that were not there before."""
        with self._noting:
            here = frozenset((name, pid) for name, pids in self._processes() for pid in pids)
            self._begun.update(name for name, _ in here - self._known)
            self._known = here

    def _processes(self) -> Iterable[tuple[str, tuple[int, ...]]]:
        for level in self._levels:
            if isinstance(level.engine, KeepsProcesses):
                yield level.name, level.engine.processes()

    def _counts(self) -> Values:
        return {(name,): len(pids) for name, pids in self._processes()}

    def _memory(self) -> Values:
        return {
            (name, str(number)): resident_bytes(pid)
            for name, pids in self._processes()
            for number, pid in enumerate(pids)
        }

    def _starts(self) -> Values:
        self.note()
        return {(name,): count for name, count in self._begun.items()}


def _is_audible(levels: Sequence[Level]) -> bool:
    return any(level.can_speak() and not level.engine.is_silent for level in levels)


def _states(levels: Sequence[Level]) -> Values:
    return {(level.name, phase.value): level.state().phase is phase for level in levels for phase in Phase}


def _tiers(cache: SpeechCache) -> list[tuple[str, TierStats]]:
    stats = cache.stats()
    return [(name, tier) for name, tier in (("memory", stats.memory), ("disk", stats.disk)) if tier is not None]


def _usage(folder: Path) -> Any:
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path.cwd())
    return shutil.disk_usage(existing)
