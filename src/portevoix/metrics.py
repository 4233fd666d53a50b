"""Events as Prometheus metrics; label values come from bounded sets alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from portevoix.events import Attempted, BreakerMoved, Event, LookedUp, Spoken
from portevoix.speech import Attempt, SpeechReport

BUCKETS_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}
FALLEN = ("failed", "late", "cut", "skipped")

Reading = Callable[[], Mapping[tuple[str, ...], float]]
"""Return values by the values of their labels."""


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
        self.queue_waiting = Gauge("tts_queue_waiting", "Requests that wait for their turn", registry=self.registry)
        self.queue_running = Gauge("tts_queue_running", "Requests that are being spoken", registry=self.registry)
        self.queue_refused = Counter(
            "tts_queue_refused", "Requests refused because of overload", registry=self.registry
        )

    def watch(self, name: str, text: str, labels: Sequence[str], read: Reading) -> None:
        """Export a gauge that is read when somebody asks: values by the values of `labels`."""
        self.registry.register(_Gauge(name, text, labels, read))

    def watch_disk(self, folders: Mapping[str, Path]) -> None:
        """Export the free space of the disks that hold `folders`, by what they are for."""
        text = "Free space where the folder lies"
        self.watch("tts_disk_free_bytes", text, ["folder"], lambda: {(use,): _free(at) for use, at in folders.items()})

    def introduce(self, backend: str) -> None:
        """Make the series of an engine begin at zero."""
        self._breaker.labels(backend).set(0)

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


class _Gauge(Collector):
    """A gauge whose values are looked up at the moment of asking."""

    def __init__(self, name: str, text: str, labels: Sequence[str], read: Reading) -> None:
        self._family = (name, text, None, labels)
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(*self._family)]

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(*self._family)
        for labels, value in self._read().items():
            family.add_metric(labels, value)
        yield family


def _free(folder: Path) -> float:
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path.cwd())
    return shutil.disk_usage(existing).free
