from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.server.headers import header_text, speech_headers
from portevoix.server.order import Order
from portevoix.speech import SpeechReport, SpeechRequest

ORDER = Order(SpeechRequest("Bonjour"))
REPORT = SpeechReport("name", "alpha", "alpha-fr")


def headers(order=ORDER, report=REPORT, *, is_whole=False, is_silent=False):
    return speech_headers(order, report, is_whole=is_whole, is_silent=is_silent)


def test_says_who_speaks():
    assert headers() == {"X-TTS-Engine": "alpha", "X-TTS-Voice": "alpha-fr", "X-TTS-Cache": "miss"}


@pytest.mark.parametrize(
    ("is_whole", "is_cached", "cache"), [(True, True, "hit"), (False, True, "miss"), (True, False, "miss")]
)
def test_a_hit_is_known_to_its_end(is_whole, is_cached, cache):
    report = SpeechReport("name", "alpha", "alpha-fr", is_cached=is_cached)
    assert headers(report=report, is_whole=is_whole)["X-TTS-Cache"] == cache


def test_who_is_not_the_first_choice_is_not_to_be_kept():
    report = SpeechReport(
        "name", "beta", "beta-fr", is_degraded=True, why_degraded="alpha failed (x): é\r\nSet-Cookie: a"
    )
    got = headers(report=report)
    assert got["X-TTS-Fallback"] == "alpha failed (x): e  Set-Cookie: a"
    assert got["Cache-Control"] == "no-store"


def test_silence_is_told_even_when_nobody_else_was_asked():
    assert "silence" in headers(is_silent=True)["X-TTS-Fallback"]


def test_tells_what_was_not_used():
    got = headers(Order(SpeechRequest("x"), is_model_known=False, ignored=("foo", "bär")))
    assert got["X-TTS-Model"] == "unknown model, default chain used"
    assert got["X-TTS-Ignored"] == "foo, bar"


@given(st.text())
def test_any_text_becomes_a_header(text):
    value = header_text(text)
    assert value.isascii()
    assert value.isprintable()
    assert len(value) <= 300
    assert value == value.strip()
