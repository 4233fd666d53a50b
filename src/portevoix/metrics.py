"""Events as Prometheus metrics; label values come from bounded sets alone."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import portevoix
from portevoix.errors import ChainExhausted, StreamInterrupted
from portevoix.events import Attempted, BreakerMoved, Event, LookedUp, Spoken
from portevoix.speech import Attempt, SpeechReport

logger = logging.getLogger(__name__)

BUCKETS_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
LAG_BUCKETS_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}
FALLEN = ("failed", "late", "cut", "skipped")
STATUSES = ("success", "failed", "cancelled")
OUTCOMES = ("spoke", "cached", "failed", "late", "cut")
FROM_CACHE, NOBODY = "cache", "none"
"""What stands in the place of an engine."""

Reading = Callable[[], Mapping[tuple[str, ...], float]]
"""Return values by the values of their labels."""

Sampler = Callable[[], None]
"""Look at what would be missed between two readings."""


class Metrics:
    """Count what happens; a hook for events. One for each program, so that two in a process do not mix.

    Attributes:
        registry: all metrics.
        queue_waiting: requests that wait for their turn.
        queue_running: requests that are being spoken.
        queue_refused: requests refused because of overload.
        answers: HTTP answers, by status and the error's code.
        first_sound: seconds from an HTTP request to the first byte of sound.
        connections: clients that stay connected, by door: `websocket`, `wyoming`.
    """

    def __init__(self) -> None:
        """Register all metrics in a registry of their own."""
        self.registry: CollectorRegistry = _Registry()
        self._watched: dict[str, _Watched] = {}
        self._samplers: dict[str, Sampler] = {}
        self._make_requests()
        self._make_attempts()
        self._make_server()
        ProcessCollector(registry=self.registry)
        about = Info("tts_build", "What runs here", registry=self.registry)
        about.info({"version": portevoix.__version__, "python": platform.python_version()})
        for backend in (FROM_CACHE, NOBODY):
            self._begin_requests(backend)

    def _make_requests(self) -> None:
        self._requests = self._counter(
            "tts_requests", "Requests by who spoke first and how they ended", "backend", "status"
        )
        self._errors = self._counter("tts_request_errors", "Requests that failed, by the error's code", "code")
        for error in (ChainExhausted, StreamInterrupted):
            self._errors.labels(error.code)
        self._degraded = self._counter(
            "tts_requests_degraded", "Requests that the first choice did not speak, or not all of", "backend"
        )
        self._duration = self._histogram("tts_duration_seconds", "From the request to the end of its speech", "backend")
        self._first_audio = self._histogram(
            "tts_first_audio_seconds", "From the request to its first audible frame", "backend"
        )
        self._audio = self._counter("tts_audio_seconds", "Speech that was handed over", "backend")

    def _make_attempts(self) -> None:
        self._attempts = self._counter(
            "tts_attempts", "What engines did for single sentences", "backend", "outcome", "code"
        )
        self._attempt_duration = self._histogram(
            "tts_attempt_seconds", "From asking an engine for a sentence to its end", "backend", "outcome"
        )
        self._attempt_first_audio = self._histogram(
            "tts_attempt_first_audio_seconds", "From asking an engine for a sentence to its first audible frame",
            "backend", "outcome",
        )  # fmt: skip
        self._fallbacks = self._counter(
            "tts_fallbacks", "Sentences that an engine left to the next one", "backend", "code"
        )
        self._lookups = self._counter("tts_cache_lookups", "Look-ups in the sentence cache", "backend", "result")
        self._breaker = self._gauge("tts_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open", "backend")
        self._moves = self._counter("tts_breaker_moves", "Moves of a circuit breaker into a state", "backend", "state")

    def _make_server(self) -> None:
        self.queue_waiting = self._gauge("tts_queue_waiting", "Requests that wait for their turn")
        self.queue_running = self._gauge("tts_queue_running", "Requests that are being spoken")
        self.queue_refused = self._counter("tts_queue_refused", "Requests refused because of overload")
        self.answers = self._counter("tts_http_responses", "HTTP answers by status and error code", "status", "code")
        self.first_sound = self._histogram(
            "tts_http_first_audio_seconds", "From an HTTP request to the first byte of sound, waiting included"
        )
        self.connections = self._gauge("tts_connections", "Clients that stay connected, by door", "door")
        for door in ("websocket", "wyoming"):
            self.connections.labels(door).set(0)
        self._lag = Histogram(
            "tts_event_loop_lag_seconds", "How much later than asked the event loop woke up",
            buckets=LAG_BUCKETS_SECONDS, registry=self.registry,
        )  # fmt: skip

    def watch(self, name: str, text: str, labels: Sequence[str], read: Reading) -> None:
        """Export values that are read when somebody asks, by the values of `labels`, in place of what had the name.

        A name that ends in `_total` is a counter, any other a gauge. `read` may be called on another thread.
        """
        if (former := self._watched.pop(name, None)) is not None:
            self.registry.unregister(former)
        self._watched[name] = watched = _Watched(name, text, labels, read)
        self.registry.register(watched)

    def sample(self, name: str, sampler: Sampler) -> None:
        """Call `sampler` at each beat, in place of what had the name."""
        self._samplers[name] = sampler

    def beat(self, lag_seconds: float) -> None:
        """Take note of a beat of the event loop, and how late it came."""
        self._lag.observe(max(0.0, lag_seconds))
        for sampler in self._samplers.values():
            sampler()

    def introduce(self, backend: str) -> None:
        """Make the series of an engine begin at zero, so that its first failure is seen as an increase."""
        self._begin_requests(backend)
        self._breaker.labels(backend).set(0)
        for state in BREAKER_STATES:
            self._moves.labels(backend, state)
        for result in ("hit", "miss"):
            self._lookups.labels(backend, result)
        for outcome in OUTCOMES:
            self._attempt_duration.labels(backend, outcome)

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
                self._moves.labels(engine, state).inc()
            case Spoken(report=report, status=status, seconds=seconds, code=code):
                self._count_request(report, status, seconds, code)

    def _count_attempt(self, attempt: Attempt) -> None:
        outcome = "cached" if attempt.is_cached and attempt.outcome == "spoke" else attempt.outcome
        self._attempts.labels(attempt.engine, outcome, attempt.code).inc()
        self._audio.labels(attempt.engine).inc(attempt.audio_seconds)
        if attempt.outcome in FALLEN:
            self._fallbacks.labels(attempt.engine, attempt.code).inc()
        if attempt.outcome != "skipped":
            self._attempt_duration.labels(attempt.engine, outcome).observe(attempt.seconds)
        if attempt.first_audio_seconds is not None:
            self._attempt_first_audio.labels(attempt.engine, outcome).observe(attempt.first_audio_seconds)

    def _count_request(self, report: SpeechReport, status: str, seconds: float, code: str) -> None:
        backend = FROM_CACHE if report.is_cached else report.engine
        self._requests.labels(backend, status).inc()
        self._duration.labels(backend).observe(seconds)
        if report.first_audio_seconds is not None:
            self._first_audio.labels(backend).observe(report.first_audio_seconds)
        if report.is_degraded:
            self._degraded.labels(report.engine).inc()
        if code:
            self._errors.labels(code).inc()

    def _begin_requests(self, backend: str) -> None:
        for status in STATUSES:
            self._requests.labels(backend, status)
        self._duration.labels(backend)
        self._first_audio.labels(backend)
        self._degraded.labels(backend)
        self._audio.labels(backend)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=BUCKETS_SECONDS, registry=self.registry)


class _Registry(CollectorRegistry):
    """Leave out when each series began: as many series again, and Prometheus does not read them."""

    def collect(self) -> Iterable[Metric]:
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _Watched(Collector):
    """Values that are looked up at the moment of asking; one that cannot be costs itself, never the page."""

    def __init__(self, name: str, text: str, labels: Sequence[str], read: Reading) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        try:
            for labels, value in self._read().items():
                family.add_metric(labels, value)
        except Exception as error:  # noqa: BLE001 - what an engine lets slip
            logger.warning("metric.not_read", extra={"metric": self._name, "why": f"{type(error).__name__}: {error}"})
        yield family

    def _family(self) -> GaugeMetricFamily | CounterMetricFamily:
        kind = CounterMetricFamily if self._name.endswith("_total") else GaugeMetricFamily
        return kind(self._name, self._text, labels=self._labels)
