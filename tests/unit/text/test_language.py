from __future__ import annotations

import pytest

from portevoix.text.language import LONGEST_SAMPLE, guess_language
from tests.unit.text.sentences_by_language import BY_SCRIPT, ENGLISH, FRENCH, UNCLEAR

KNOWN = [("fr", text) for text in FRENCH] + [("en", text) for text in ENGLISH]


@pytest.mark.parametrize(("language", "text"), KNOWN)
def test_french_and_english_are_told_apart(language: str, text: str) -> None:
    assert guess_language(text, default="unsure") == language


@pytest.mark.parametrize("text", UNCLEAR)
def test_an_unclear_text_takes_the_default(text: str) -> None:
    assert guess_language(text, default="fr") == "fr"
    assert guess_language(text, default="en") == "en"


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in BY_SCRIPT.items() for text in texts]
)
def test_a_script_tells_the_language(language: str, text: str) -> None:
    assert guess_language(text, ["fr", "en", *BY_SCRIPT], "unsure") == language
    assert guess_language(text, ["fr", "en"], "unsure") == "unsure"


def test_the_only_candidate_still_needs_evidence() -> None:
    assert guess_language("zzz", ["en"], "fr") == "fr"
    assert guess_language("Hello there", ["en"], "fr") == "en"
    assert guess_language("Hello there", [], "fr") == "fr"
    assert guess_language("Hello there", ["xx"], "fr") == "fr"


def test_only_the_start_of_a_long_text_is_looked_at() -> None:
    assert (
        guess_language("Bonjour à tous. ".ljust(LONGEST_SAMPLE) + "Hello there. " * 1_000_000, default="unsure") == "fr"
    )
