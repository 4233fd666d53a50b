from __future__ import annotations

import logging
from pathlib import Path

import pytest

from portevoix.events import Attempted, BreakerMoved, LookedUp, Spoken, fan_out, ignore
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


def test_what_has_a_state_of_its_own_is_read_when_asked(tmp_path: Path) -> None:
    metrics = Metrics()
    entries = {("memory",): 2.0}
    metrics.watch_disk({"cache": tmp_path / "not" / "yet" / "there"})
    metrics.watch("tts_cache_entries", "Sentences", ["tier"], lambda: entries)
    assert (value(metrics, "tts_disk_free_bytes", folder="cache") or 0) > 0
    assert value(metrics, "tts_cache_entries", tier="memory") == 2
    entries["memory",] = 3.0
    assert value(metrics, "tts_cache_entries", tier="memory") == 3


def test_two_sets_of_metrics_do_not_mix() -> None:
    first, second = Metrics(), Metrics()
    first(Spoken(REPORT, "success", 0.2))
    assert value(second, "tts_requests_total", backend="a", status="success") is None


def test_a_hook_fans_out_in_order() -> None:
    heard: list[str] = []
    fan_out(lambda _: heard.append("first"), ignore, lambda _: heard.append("last"))(LookedUp("a", is_hit=False))
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
