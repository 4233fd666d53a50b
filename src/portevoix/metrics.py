"""Events as Prometheus metrics; label values come from bounded sets alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portevoix.events import Attempted, BreakerMoved, Event, LookedUp, Spoken, StateMoved
from portevoix.speech import Attempt, SpeechReport

BUCKETS_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}
FALLEN = ("failed", "late", "cut", "skipped")

Sizes = Callable[[], dict[str, tuple[int, int]]]
"""Return bytes and entries by cache tier."""


class Metrics:
    """Count what happens; a hook for events. One for each app, so that two in a process do not mix."""

    def __init__(self) -> None:
        """Register all metrics in a registry of their own."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "tts_requests", "Requests by who spoke and how they ended", ["backend", "status"], registry=self.registry
        )
        self._duration = Histogram(
            "tts_duration_seconds",
            "From the request to the end of its speech",
            ["backend"],
            buckets=BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._first_audio = Histogram(
            "tts_first_audio_seconds",
            "From the request to its first audible frame",
            ["backend"],
            buckets=BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._audio = Counter("tts_audio_seconds", "Speech that was made", ["backend"], registry=self.registry)
        self._attempts = Counter(
            "tts_attempts",
            "What engines did for single sentences",
            ["backend", "outcome", "code"],
            registry=self.registry,
        )
        self._fallbacks = Counter(
            "tts_fallbacks",
            "Sentences that an engine left to the next one",
            ["backend", "code"],
            registry=self.registry,
        )
        self._lookups = Counter(
            "tts_cache_lookups", "Look-ups in the sentence cache", ["backend", "result"], registry=self.registry
        )
        self._breaker = Gauge(
            "tts_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open", ["backend"], registry=self.registry
        )
        self._ready = Gauge("tts_engine_ready", "1 when the engine can speak", ["backend"], registry=self.registry)
        self.queue_waiting = Gauge("tts_queue_waiting", "Requests that wait for their turn", registry=self.registry)
        self.queue_running = Gauge("tts_queue_running", "Requests that are being spoken", registry=self.registry)
        self.queue_refused = Counter(
            "tts_queue_refused", "Requests refused because of overload", registry=self.registry
        )

    def watch_disk(self, folders: Iterable[Path]) -> None:
        """Export the free space of the disks that hold `folders`."""
        self.registry.register(_Disk(tuple(folders)))

    def watch_cache(self, sizes: Sizes) -> None:
        """Export the size of the cache's tiers."""
        self.registry.register(_CacheSize(sizes))

    def introduce(self, backend: str) -> None:
        """Make the series of an engine begin at zero."""
        self._breaker.labels(backend).set(0)
        self._ready.labels(backend).set(0)

    def page(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def __call__(self, event: Event) -> None:
        """Count an event."""
        match event:
            case Attempted(attempt=attempt):
                self._count_attempt(attempt)
            case LookedUp(engine=engine, is_hit=is_hit):
                self._lookups.labels(engine, "hit" if is_hit else "miss").inc()
            case BreakerMoved(engine=engine, state=state):
                self._breaker.labels(engine).set(BREAKER_STATES[state])
            case StateMoved(engine=engine, phase=phase):
                self._ready.labels(engine).set(phase == "ready")
            case Spoken(report=report, status=status, seconds=seconds):
                self._count_request(report, status, seconds)

    def _count_attempt(self, attempt: Attempt) -> None:
        self._attempts.labels(attempt.engine, attempt.outcome, attempt.code).inc()
        self._audio.labels(attempt.engine).inc(attempt.audio_seconds)
        if attempt.outcome in FALLEN:
            self._fallbacks.labels(attempt.engine, attempt.code).inc()

    def _count_request(self, report: SpeechReport, status: str, seconds: float) -> None:
        backend = "cache" if report.is_cached else report.engine
        self._requests.labels(backend, status).inc()
        self._duration.labels(backend).observe(seconds)
        if report.first_audio_seconds is not None:
            self._first_audio.labels(backend).observe(report.first_audio_seconds)


class _Disk(Collector):
    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("tts_disk_free_bytes", "Free space where the folder lies", labels=["folder"])
        for folder in self._folders:
            existing = next((path for path in (folder, *folder.parents) if path.exists()), None)
            if existing is not None:
                family.add_metric([folder.name], shutil.disk_usage(existing).free)
        yield family


class _CacheSize(Collector):
    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes

    def collect(self) -> Iterable[Metric]:
        size = GaugeMetricFamily("tts_cache_bytes", "Audio kept in the cache", labels=["tier"])
        entries = GaugeMetricFamily("tts_cache_entries", "Sentences kept in the cache", labels=["tier"])
        for tier, (count_bytes, count) in self._sizes().items():
            size.add_metric([tier], count_bytes)
            entries.add_metric([tier], count)
        yield from (size, entries)
