"""Answers of `/translate` as JSON and as headers."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from portevoix.server.headers import header_text

if TYPE_CHECKING:
    from portevoix.errors import PortevoixError
    from portevoix.server.translation.interpretation import Spoken
    from portevoix.server.translation.order import Order
    from portevoix.translate.request import SentencePair, Translation


def describe_translation(translation: Translation, order: Order) -> dict[str, Any]:
    """Return everything about a translation but its speech."""
    return {
        "translated_text": translation.text,
        "source_lang": translation.source or None,
        "target_lang": translation.target,
        "detected": {"source_lang": translation.source, "confidence": translation.confidence}
        if translation.is_detected and translation.source
        else None,
        "engine": translation.engine,
        "model": translation.model,
        "licence": translation.licence,
        "chain": list(translation.chain),
        "pivoted": translation.is_pivoted,
        "rule_based": translation.is_rule_based,
        "degraded": translation.is_degraded,
        "why_degraded": translation.why_degraded,
        "cached": translation.is_cached,
        "warnings": [*order.warnings, *translation.warnings],
        "sentences": [describe_pair(pair) for pair in translation.pairs],
        "attempts": [asdict(attempt) for attempt in translation.attempts],
        "message_id": order.message_id,
        "request_id": translation.request_id,
        "times": {
            "first_sentence_seconds": round(translation.first_seconds, 4),
            "translation_seconds": round(translation.seconds, 4),
        },
    }


def describe_speech(spoken: Spoken, order: Order, media_type: str) -> dict[str, Any]:
    """Return what is to be said of a speech, besides where its audio is."""
    report = spoken.report
    return {
        "format": order.format_name,
        "content_type": media_type,
        "sample_rate": spoken.sample_rate,
        "seconds": round(sum(chunk.seconds for chunk in spoken.chunks), 3),
        "engine": report.engine,
        "voice": report.voice,
        "degraded": report.is_degraded,
        "why_degraded": report.why_degraded,
        "first_audio_seconds": report.first_audio_seconds,
        "audio": None,
        "url": None,
        "expires_seconds": None,
        "error": None,
    }


def describe_missing_speech(error: PortevoixError) -> dict[str, Any]:
    """Return why there is no speech, in the place of the speech."""
    told = {"code": error.code, "message": str(error), "hint": error.hint, "param": getattr(error, "param", None)}
    return {"audio": None, "url": None, "error": told}


def embedded(content: bytes) -> str:
    """Return a file as base64."""
    return base64.b64encode(content).decode("ascii")


def translation_headers(translation: Translation, order: Order) -> dict[str, str]:
    """Return the headers of streamed speech; of the translation they tell what is known when the speech begins."""
    facts = {
        "X-Translation-Engine": translation.engine,
        "X-Translation-Model": translation.model,
        "X-Translation-Chain": ">".join(translation.chain),
        "X-Translation-Source": translation.source,
        "X-Translation-Pivoted": "true" if translation.is_pivoted else "",
        "X-Translation-Rule-Based": "true" if translation.is_rule_based else "",
        "X-Translation-Fallback": translation.why_degraded,
        "X-Translation-Warnings": " ".join((*order.warnings, *translation.warnings)),
        "X-Message-Id": order.message_id or "",
    }
    return {name: header_text(value) for name, value in facts.items() if value}


def describe_pair(pair: SentencePair) -> dict[str, Any]:
    """Return one sentence and what became of it."""
    return {
        "source": pair.source,
        "target": pair.target,
        "source_lang": pair.source_language,
        "engine": pair.engine,
        "chain": list(pair.chain),
        "cached": pair.is_cached,
    }
