"""Events as OpenTelemetry traces: a span for each request, each sentence, and each engine that was asked.

Needs the extra `otel`. Spans are made when a request has ended, out of what its report says, so that speech itself does
no more than without them; their times are those of the report. No span has a text.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import portevoix
from portevoix.errors import ConfigError
from portevoix.events import Event, Spoken
from portevoix.speech import Attempt

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

EXPORT_SECONDS = 5.0
"""How long the end of the program waits for the last spans to leave."""

NANOSECONDS = 1_000_000_000
SPOKE = ("spoke",)
WallClock = Callable[[], int]
"""Return nanoseconds since 1970."""


class Tracing:
    """Make spans of events; a hook, used from one event loop.

    The spans of a request belong to the span that is current where it is spoken: that of the HTTP request that asked.
    """

    def __init__(self, provider: TracerProvider, now: WallClock = time.time_ns) -> None:
        """Make spans with `provider`, which this owns."""
        self._provider = provider
        self._tracer = provider.get_tracer("portevoix", portevoix.__version__)
        self._now = now

    @classmethod
    def to(cls, endpoint: str) -> Tracing:
        """Send spans to an OTLP endpoint over HTTP, in batches, from a thread of their own.

        The environment variables of OpenTelemetry (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` …) hold.

        Raises:
            ConfigError: the packages are not here, or the address is none.
        """
        problem = "monitoring.traces_endpoint cannot be used"
        if not endpoint.startswith(("http://", "https://")):
            raise ConfigError(
                problem, (f"{endpoint[:80]!r} is no http address",), "Give it as http://HOST:4318/v1/traces."
            )
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            hint = "Install the extra: pip install 'portevoix[otel]', or remove the setting."
            raise ConfigError(problem, (f"the OpenTelemetry packages are not installed: {error}",), hint) from error
        name = os.environ.get("OTEL_SERVICE_NAME", "portevoix")
        about = Resource.create({"service.name": name, "service.version": portevoix.__version__})
        provider = TracerProvider(resource=about, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=EXPORT_SECONDS)))
        return cls(provider)

    def close(self) -> None:
        """Send what is left, and end; blocks for some seconds at most."""
        self._provider.shutdown()

    @contextmanager
    def request(self, name: str, headers: Mapping[str, str]) -> Iterator[Span]:
        """Span the body, as part of the trace that `traceparent` among the headers (in lower case) names."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract(headers)
        with self._tracer.start_as_current_span(
            name, context, kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            yield span

    def __call__(self, event: Event) -> None:
        """Make the spans of a request that has ended."""
        if isinstance(event, Spoken):
            self._trace(event)

    def _trace(self, spoken: Spoken) -> None:
        report, end = spoken.report, self._now()
        began = end - round(spoken.seconds * NANOSECONDS)
        facts = {
            "request_id": report.request_id, "engine": report.engine, "voice": report.voice, "status": spoken.status,
            "code": spoken.code, "cached": report.is_cached, "degraded": report.is_degraded,
            "audio_seconds": report.audio_seconds,
        }  # fmt: skip
        with self._span("speech", (began, end), facts, is_failed=spoken.status == "failed") as (span, context):
            if report.first_audio_seconds is not None:
                span.add_event("first audio", timestamp=began + round(report.first_audio_seconds * NANOSECONDS))
            for number, attempts in groupby(report.attempts, attrgetter("sentence")):
                self._trace_sentence(number, tuple(attempts), began, context)

    def _trace_sentence(self, number: int, attempts: tuple[Attempt, ...], began: int, parent: Context) -> None:
        spans = [_span_of(attempt, began) for attempt in attempts]
        whole = (min(start for start, _ in spans), max(end for _, end in spans))
        is_failed = not any(attempt.outcome in SPOKE for attempt in attempts)
        with self._span("sentence", whole, {"sentence": number}, parent, is_failed=is_failed) as (_, context):
            for attempt, times in zip(attempts, spans, strict=True):
                self._trace_attempt(attempt, times, context)

    def _trace_attempt(self, attempt: Attempt, times: tuple[int, int], parent: Context) -> None:
        facts = {
            "engine": attempt.engine, "voice": attempt.voice, "outcome": attempt.outcome, "code": attempt.code,
            "cached": attempt.is_cached, "audio_seconds": attempt.audio_seconds,
        }  # fmt: skip
        is_failed = attempt.outcome not in SPOKE
        with self._span(f"attempt {attempt.engine}", times, facts, parent, is_failed=is_failed) as (span, _):
            if attempt.first_audio_seconds is not None:
                span.add_event("first audio", timestamp=times[0] + round(attempt.first_audio_seconds * NANOSECONDS))

    @contextmanager
    def _span(
        self, name: str, times: tuple[int, int], facts: Mapping[str, Any], parent: Context | None = None,
        *, is_failed: bool,
    ) -> Iterator[tuple[Span, Context]]:  # fmt: skip
        """Make a span that has been, for the body to add to."""
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        span = self._tracer.start_span(name, parent, attributes=dict(_named(facts)), start_time=times[0])
        if is_failed:
            span.set_status(Status(StatusCode.ERROR, str(facts.get("code", ""))))
        yield span, set_span_in_context(span)
        span.end(times[1])


def _span_of(attempt: Attempt, began: int) -> tuple[int, int]:
    start = began + round(attempt.began_seconds * NANOSECONDS)
    return start, start + round(attempt.seconds * NANOSECONDS)


def _named(facts: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((f"portevoix.{name}", value) for name, value in facts.items() if value != "")
