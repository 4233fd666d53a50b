from __future__ import annotations

import logging
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from portevoix.errors import ConfigError
from portevoix.events import LookedUp, Spoken
from portevoix.speech import Attempt, SpeechReport
from portevoix.tracing import Tracing
from tests.scripted import fails, kind
from tests.served import connected, make_app

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ORDER = {"model": "tts-1", "input": "Zibeline un. Zibeline deux.", "response_format": "wav"}


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider, now=lambda: 1_000_000_000_000)


def traced(tracing: Tracing, *kinds):
    app = replace(make_app(*kinds), tracing=tracing)
    app.events.hooks.append(tracing)
    return app


def named(spans: InMemorySpanExporter, name: str):
    return [span for span in spans.get_finished_spans() if span.name == name]


def test_a_request_its_sentences_and_attempts_are_spans_at_their_times(tracing, spans):
    attempts = (
        Attempt(0, "a", "a-fr", "failed", "engine_failed", "it broke", began_seconds=0.1, seconds=0.2),
        Attempt(0, "b", "b-fr", "spoke", "", "", False, 0.05, 1.0, began_seconds=0.3, seconds=0.5),
        Attempt(1, "b", "b-fr", "spoke", "", "", True, 0.0, 1.0, began_seconds=0.8, seconds=0.1),
    )
    report = SpeechReport("r1", "b", "b-fr", is_degraded=True, first_audio_seconds=0.35, attempts=attempts)
    tracing(Spoken(report, "success", 1.0))
    tracing(LookedUp("a", is_hit=True))
    (speech,) = named(spans, "speech")
    assert (speech.start_time, speech.end_time) == (999_000_000_000, 1_000_000_000_000)
    assert speech.attributes["portevoix.engine"] == "b"
    assert speech.attributes["portevoix.degraded"] is True
    assert [event.timestamp for event in speech.events] == [999_350_000_000]
    first, second = named(spans, "sentence")
    assert (first.start_time, first.end_time) == (999_100_000_000, 999_800_000_000)
    assert {first.parent.span_id, second.parent.span_id} == {speech.context.span_id}
    (failed,) = named(spans, "attempt a")
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.status.description, failed.attributes["portevoix.outcome"]) == ("engine_failed", "failed")
    assert failed.parent.span_id == first.context.span_id
    spoke, cached = named(spans, "attempt b")
    assert (spoke.start_time, spoke.end_time) == (999_300_000_000, 999_800_000_000)
    assert cached.attributes["portevoix.cached"] is True
    assert "it broke" not in str([span.to_json() for span in spans.get_finished_spans()])


def test_a_failed_request_says_so(tracing, spans):
    tracing(Spoken(SpeechReport("r1"), "failed", 0.1, "no_engine_could_speak"))
    (speech,) = named(spans, "speech")
    assert (speech.status.status_code, speech.status.description) == (StatusCode.ERROR, "no_engine_could_speak")


async def test_a_request_goes_on_with_the_trace_of_who_asks(tracing, spans):
    async with connected(traced(tracing, kind("alpha", fault=fails()), kind("beta"))) as client:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "mine"}
        answer = await client.post("/v1/audio/speech", json=ORDER, headers=headers)
    assert answer.status_code == 200
    (request,) = named(spans, "POST /v1/audio/speech")
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == PARENT
    assert request.kind is SpanKind.SERVER
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["portevoix.request_id"] == "mine"
    (speech,) = named(spans, "speech")
    assert speech.parent.span_id == request.context.span_id
    assert len(named(spans, "sentence")) == 2
    assert named(spans, "attempt alpha")
    attempts = named(spans, "attempt beta")
    assert all(span.start_time <= span.end_time for span in attempts)
    assert {span.context.trace_id for span in spans.get_finished_spans()} == {request.context.trace_id}
    assert "Zibeline" not in "".join(span.to_json() for span in spans.get_finished_spans())


async def test_without_a_trace_each_request_begins_its_own(tracing, spans):
    async with connected(traced(tracing, kind("alpha"))) as client:
        for _ in range(2):
            await client.post("/v1/audio/speech", json=ORDER)
        await client.get("/health/live")
        await client.get("/nowhere")
    first, second = named(spans, "POST /v1/audio/speech")
    assert first.context.trace_id != second.context.trace_id
    assert first.parent is None
    (lost,) = named(spans, "GET")
    assert lost.attributes["http.response.status_code"] == 404


@pytest.mark.parametrize("endpoint", ["somewhere", "ftp://127.0.0.1/v1/traces", ""])
def test_an_address_that_is_none_is_refused(endpoint):
    with pytest.raises(ConfigError, match="no http address"):
        Tracing.to(endpoint)


def test_the_packages_are_asked_for_only_where_traces_are_wanted():
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from portevoix.errors import ConfigError\n"
        "from tests.served import make_app\n"
        "make_app()\n"
        "try: make_app(monitoring={'traces_endpoint': 'http://127.0.0.1:4318/v1/traces'})\n"
        "except ConfigError as error: print(error.problems[0], '|', error.hint)\n"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert "OpenTelemetry packages are not installed" in said
    assert "portevoix[otel]" in said


class Collector(BaseHTTPRequestHandler):
    """Take what is sent, as an OTLP collector does."""

    taken: list[bytes]

    def do_POST(self):
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


async def test_spans_reach_a_collector_before_the_program_ends():
    handler = type("Taking", (Collector,), {"taken": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        app = make_app(
            kind("alpha"), monitoring={"traces_endpoint": f"http://127.0.0.1:{server.server_port}/v1/traces"}
        )
        async with connected(app) as client:
            await client.post("/v1/audio/speech", json=ORDER)
        server.shutdown()
    sent = b"".join(handler.taken)
    assert b"POST /v1/audio/speech" in sent
    assert b"attempt alpha" in sent
    assert b"Zibeline" not in sent


def test_a_collector_that_is_away_costs_nothing_but_its_spans(caplog):
    caplog.set_level(logging.CRITICAL)
    tracing = Tracing.to("http://127.0.0.1:9/v1/traces")
    tracing(Spoken(SpeechReport("r1"), "success", 0.1))
    tracing.close()
