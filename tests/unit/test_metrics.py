from __future__ import annotations

import logging

import pytest

from portevoix.events import Attempted, BreakerMoved, FanOut, LookedUp, Spoken, ignore
from portevoix.metrics import Metrics
from portevoix.speech import Attempt, SpeechReport
from portevoix.watch import Watch

REPORT = SpeechReport("r1", "a", "a-fr", first_audio_seconds=0.05, audio_seconds=2.0)
FELL = Attempt(0, "a", "a-fr", "failed", "engine_failed", "it broke")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_requests_are_counted_by_who_spoke_and_how_it_ended() -> None:
    metrics = Metrics()
    metrics(Spoken(REPORT, "success", 0.2))
    assert value(metrics, "tts_requests_total", backend="a", status="success") == 1
    assert value(metrics, "tts_duration_seconds_count", backend="a") == 1
    assert value(metrics, "tts_first_audio_seconds_sum", backend="a") == pytest.approx(0.05)


def test_the_names_that_dashboards_use_are_on_the_page() -> None:
    metrics = Metrics()
    metrics(Spoken(REPORT, "success", 0.2))
    page = metrics.page().decode()
    assert 'tts_requests_total{backend="a",status="success"} 1.0' in page
    assert 'tts_duration_seconds_bucket{backend="a"' in page


def test_attempts_fallbacks_cache_breaker_and_state_are_counted() -> None:
    metrics = Metrics()
    metrics.introduce("a")
    for event in (
        Attempted("r1", FELL),
        Attempted("r1", Attempt(0, "b", "b-fr", "spoke", audio_seconds=1.5)),
        LookedUp("a", is_hit=True),
        BreakerMoved("a", "open", 30),
    ):
        metrics(event)
    assert value(metrics, "tts_fallbacks_total", backend="a", code="engine_failed") == 1
    assert value(metrics, "tts_attempts_total", backend="b", outcome="spoke", code="") == 1
    assert value(metrics, "tts_audio_seconds_total", backend="b") == 1.5
    assert value(metrics, "tts_cache_lookups_total", backend="a", result="hit") == 1
    assert value(metrics, "tts_breaker_state", backend="a") == 2


def test_attempts_are_timed_by_engine_and_outcome() -> None:
    metrics = Metrics()
    for attempt in (
        Attempt(0, "a", "a-fr", "late", "engine_timeout", "late", seconds=0.7),
        Attempt(0, "b", "b-fr", "spoke", first_audio_seconds=0.05, seconds=1.5),
        Attempt(1, "b", "b-fr", "spoke", is_cached=True, first_audio_seconds=0.001, seconds=0.002),
        Attempt(2, "c", "c-fr", "skipped", "engine_loading", "loading"),
    ):
        metrics(Attempted("r1", attempt))
    assert value(metrics, "tts_attempt_seconds_sum", backend="a", outcome="late") == 0.7
    assert value(metrics, "tts_attempt_first_audio_seconds_sum", backend="b", outcome="spoke") == 0.05
    assert value(metrics, "tts_attempt_first_audio_seconds_count", backend="b", outcome="cached") == 1
    assert value(metrics, "tts_attempt_seconds_count", backend="c", outcome="skipped") is None


def test_failures_are_counted_by_code_and_what_the_first_choice_did_not_speak() -> None:
    metrics = Metrics()
    metrics(Spoken(SpeechReport("r1", "b", is_degraded=True, why_degraded="a failed"), "success", 0.2))
    metrics(Spoken(SpeechReport("r2"), "failed", 0.2, "no_engine_could_speak"))
    assert value(metrics, "tts_requests_degraded_total", backend="b") == 1
    assert value(metrics, "tts_request_errors_total", code="no_engine_could_speak") == 1


def test_an_engine_begins_at_zero() -> None:
    metrics = Metrics()
    metrics.introduce("a")
    for status in ("success", "failed", "cancelled"):
        assert value(metrics, "tts_requests_total", backend="a", status=status) == 0
    assert value(metrics, "tts_breaker_moves_total", backend="a", state="open") == 0
    assert value(metrics, "tts_first_audio_seconds_count", backend="a") == 0


def test_what_has_a_state_of_its_own_is_read_when_asked() -> None:
    metrics = Metrics()
    entries = {("memory",): 2.0}
    metrics.watch("tts_kept", "Sentences", ["tier"], lambda: entries)
    metrics.watch("tts_gone_total", "Sentences", [], lambda: {(): 7})
    assert value(metrics, "tts_kept", tier="memory") == 2
    assert value(metrics, "tts_gone_total") == 7
    entries["memory",] = 3.0
    assert value(metrics, "tts_kept", tier="memory") == 3


def test_a_reading_takes_the_place_of_the_one_before() -> None:
    metrics = Metrics()
    for count in (1, 2):
        metrics.watch("tts_kept", "Sentences", [], lambda count=count: {(): count})
    assert value(metrics, "tts_kept") == 2


def test_a_reading_that_breaks_costs_itself_alone(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    metrics.watch("tts_broken", "Breaks", [], lambda: {}[()])
    metrics.watch("tts_sound", "Does not", [], lambda: {(): 1})
    page = metrics.page().decode()
    assert "# TYPE tts_broken gauge" in page
    assert "tts_sound 1.0" in page
    assert logged(caplog) == ["metric.not_read"]


def test_a_beat_tells_how_late_it_came_and_looks_at_what_would_be_missed() -> None:
    metrics, looks = Metrics(), []
    metrics.sample("x", lambda: looks.append("former"))
    metrics.sample("x", lambda: looks.append("latter"))
    metrics.beat(0.03)
    assert value(metrics, "tts_event_loop_lag_seconds_bucket", le="0.025") == 0
    assert value(metrics, "tts_event_loop_lag_seconds_bucket", le="0.05") == 1
    assert looks == ["latter"]


def test_the_process_tells_its_own_memory() -> None:
    assert (value(Metrics(), "process_resident_memory_bytes") or 0) > 1_000_000


def test_two_sets_of_metrics_do_not_mix() -> None:
    first, second = Metrics(), Metrics()
    first(Spoken(REPORT, "success", 0.2))
    assert value(second, "tts_requests_total", backend="a", status="success") is None


def test_a_hook_fans_out_in_order() -> None:
    heard: list[str] = []
    FanOut(lambda _: heard.append("first"), ignore, lambda _: heard.append("last"))(LookedUp("a", is_hit=False))
    assert heard == ["first", "last"]


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_slow_engine_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch({"a": 120})
    watch(Attempted("r1", Attempt(0, "a", "a-fr", "spoke", first_audio_seconds=0.119)))
    assert logged(caplog) == []
    watch(Attempted("r1", Attempt(0, "a", "a-fr", "spoke", first_audio_seconds=0.121)))
    assert logged(caplog) == ["engine.slow"]


def test_what_comes_from_the_cache_is_never_slow(caplog: pytest.LogCaptureFixture) -> None:
    Watch({"a": 1})(Attempted("r1", Attempt(0, "a", "a-fr", "spoke", is_cached=True, first_audio_seconds=0.5)))
    assert logged(caplog) == []


def test_a_fallback_is_warned_of_when_wanted(caplog: pytest.LogCaptureFixture) -> None:
    degraded = SpeechReport("r1", "b", is_degraded=True, why_degraded="a failed")
    Watch({}, logs_performance=False)(Spoken(degraded, "success", 0.2))
    assert logged(caplog) == ["speech.fell_back"]
    caplog.clear()
    Watch({}, logs_performance=False, alerts_on_fallback=False)(Spoken(degraded, "success", 0.2))
    assert logged(caplog) == []


def test_the_same_reason_is_told_once_until_all_is_well_again(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch({}, logs_performance=False)
    degraded = SpeechReport("r1", "b", is_degraded=True, why_degraded="a failed")
    for report in (degraded, degraded, REPORT, degraded):
        watch(Spoken(report, "success", 0.2))
    assert logged(caplog) == ["speech.fell_back"] * 2


def test_each_request_is_logged_with_its_times_and_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Watch({})(Spoken(REPORT, "success", 0.2))
    record = caplog.records[0]
    assert (record.getMessage(), record.total_ms, record.first_audio_ms) == ("speech.ended", 200.0, 50.0)


@pytest.mark.parametrize("outcome", ["failed", "late", "cut"])
def test_what_went_wrong_with_an_engine_is_logged(caplog: pytest.LogCaptureFixture, outcome) -> None:
    Watch({})(Attempted("r1", Attempt(0, "a", "a-fr", outcome, "engine_failed", "it broke")))
    assert logged(caplog) == [f"engine.{outcome}"]
