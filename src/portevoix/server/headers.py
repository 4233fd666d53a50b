"""What an answer says about who spoke."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from portevoix.server.order import UNKNOWN_MODEL, Order

if TYPE_CHECKING:
    from portevoix.speech import SpeechReport

LONGEST_CHARACTERS = 300


def speech_headers(order: Order, report: SpeechReport, *, is_whole: bool, is_silent: bool) -> dict[str, str]:
    """Return the headers of an answer whose first audible frame is there.

    Args:
        order: what was asked for.
        report: what happened so far.
        is_whole: all of the audio is there.
        is_silent: it is emergency silence.
    """
    reason = report.why_degraded or ("nobody could speak: this is silence" if is_silent else "")
    facts = {
        "X-TTS-Engine": report.engine,
        "X-TTS-Voice": report.voice,
        "X-TTS-Cache": "hit" if is_whole and report.is_cached else "miss",
        "X-TTS-Fallback": reason,
        "X-TTS-Model": "" if order.is_model_known else UNKNOWN_MODEL,
        "X-TTS-Ignored": ", ".join(order.ignored_by(report.engine)),
        "Cache-Control": "no-store" if reason or order.stream_format == "sse" else "",
    }
    return {name: header_text(value) for name, value in facts.items() if value}


def header_text(text: str) -> str:
    """Return a text as a header may carry it: printable ASCII, accents taken off, cut to 300 characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    visible = "".join(character if character.isprintable() else " " for character in plain)
    return visible[:LONGEST_CHARACTERS].strip()
