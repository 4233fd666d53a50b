"""Events as log lines: what a person on call should read, and never the user's text."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from portevoix.events import Attempted, Event, Spoken
from portevoix.speech import Attempt, SpeechReport

logger = logging.getLogger(__name__)


class Watch:
    """Log fallbacks, late engines and finished requests; a hook for events."""

    def __init__(
        self, target_latency_ms: Mapping[str, float], *, alerts_on_fallback: bool = True, logs_performance: bool = True
    ) -> None:
        """Warn when an engine's first audio takes longer than its target, in milliseconds by engine."""
        self._targets = target_latency_ms
        self._alerts = alerts_on_fallback
        self._logs_performance = logs_performance
        self._alerted = ""

    def __call__(self, event: Event) -> None:
        """Log an event, when it is worth it."""
        match event:
            case Attempted(request_id=request_id, attempt=attempt):
                self._watch_attempt(request_id, attempt)
            case Spoken(report=report, status=status, seconds=seconds, code=code):
                self._watch_request(report, status, seconds, code)

    def _watch_attempt(self, request_id: str, attempt: Attempt) -> None:
        facts = {"request_id": request_id, "engine": attempt.engine, "voice": attempt.voice}
        if attempt.outcome in ("failed", "late", "cut"):
            logger.warning(f"engine.{attempt.outcome}", extra={**facts, "code": attempt.code, "why": attempt.why})  # noqa: G004
        first_ms = (attempt.first_audio_seconds or 0.0) * 1000
        target_ms = self._targets.get(attempt.engine)
        if attempt.outcome == "spoke" and not attempt.is_cached and target_ms and first_ms > target_ms:
            logger.warning("engine.slow", extra={**facts, "first_audio_ms": round(first_ms), "target_ms": target_ms})

    def _watch_request(self, report: SpeechReport, status: str, seconds: float, code: str) -> None:
        facts = {"request_id": report.request_id, "engine": report.engine, "voice": report.voice}
        self._alert(report, facts)
        if self._logs_performance:
            first = report.first_audio_seconds
            logger.info(
                "speech.ended",
                extra={
                    **facts,
                    "status": status,
                    "code": code,
                    "cached": report.is_cached,
                    "total_ms": round(seconds * 1000, 1),
                    "first_audio_ms": None if first is None else round(first * 1000, 1),
                    "audio_seconds": round(report.audio_seconds, 2),
                },
            )

    def _alert(self, report: SpeechReport, facts: Mapping[str, str]) -> None:
        """Warn of a fallback once for each reason, and again after a request that needed none."""
        if self._alerts and report.why_degraded not in ("", self._alerted):
            logger.warning("speech.fell_back", extra={**facts, "why": report.why_degraded})
        self._alerted = report.why_degraded
