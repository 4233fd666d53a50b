from __future__ import annotations

import pytest

from portevoix.text.speakable import LONGEST_SECONDS, estimate_seconds, is_speakable, word_spans


@pytest.mark.parametrize("text", ["a", "7", "Привет", "中", "**a**", "½", "https://example.com/a", "\U0001f600 oui"])
def test_letters_and_digits_are_speakable(text: str) -> None:
    assert is_speakable(text)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\t", "...", "!?", "\0", "\ud800", "\U0001f600", "---", "1\ufe0f\u20e3", "<br>", "**"]
)
def test_text_without_them_is_not(text: str) -> None:
    assert not is_speakable(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bonjour, le monde !", ["Bonjour", "le", "monde"]),
        ("aujourd'hui, rendez-vous à 3,14", ["aujourd'hui", "rendez-vous", "à", "3,14"]),
        ("voir example.com.", ["voir", "example.com"]),
        ("e\u0301te\u0301 là", ["e\u0301te\u0301", "là"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("中文abc", ["中", "文", "abc"]),
        ("fin - début", ["fin", "début"]),
        ("...", []),
        ("", []),
    ],
)
def test_words_are_found_where_they_stand(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in word_spans(text)] == words


@pytest.mark.parametrize(
    ("text", "least_seconds", "most_seconds"),
    [
        ("", 0, 0),
        ("?!", 0, 0),
        ("Oui", 0.2, 0.8),
        ("Bonjour, comment allez-vous aujourd'hui ?", 1.8, 3.6),
        ("1984", 0.8, 2.0),
        ("今天天气很好。", 0.9, 2.2),
    ],
)
def test_an_estimate_is_near_what_a_voice_takes(text: str, least_seconds: float, most_seconds: float) -> None:
    assert least_seconds <= estimate_seconds(text) <= most_seconds


def test_twice_the_speed_takes_half_the_time() -> None:
    assert estimate_seconds("Bonjour à tous", 2.0) == pytest.approx(estimate_seconds("Bonjour à tous") / 2)


def test_an_estimate_has_an_upper_bound() -> None:
    assert estimate_seconds("1" * 1_000_000) == LONGEST_SECONDS


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["a" * 500_000, "1" * 500_000, "\u0301" * 500_000, "a'" * 250_000, "中" * 500_000])
def test_long_words_are_measured_soon(text: str) -> None:
    """Quadratic time would take minutes here; the time limit of the test is the bar."""
    assert len(word_spans(text)) <= len(text)
    assert estimate_seconds(text) <= LONGEST_SECONDS
