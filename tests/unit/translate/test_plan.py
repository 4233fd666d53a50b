from __future__ import annotations

import pytest

from portevoix.translate.detection import LanguageDetector
from portevoix.translate.faults import LanguageDiffers, LanguageNotTold, SameLanguage
from portevoix.translate.layout import take_apart
from portevoix.translate.plan import Planner

KNOWN = {"en", "fr", "es", "de"}
ENGLISH = "The train leaves at noon from the old station."
FRENCH = "Le train part à midi de la vieille gare."
SPANISH = "El tren sale al mediodía de la vieja estación."
GERMAN = "Der Zug fährt mittags vom alten Bahnhof ab."
DETECTOR = LanguageDetector()


def plan(text, source=None, target="fr", reachable=("en", "es")):
    return Planner(DETECTOR).plan(take_apart(text), source, target, KNOWN, reachable)


def test_the_language_is_found_out():
    found = plan(f"{ENGLISH} Hello.")
    assert (found.source, found.is_detected, found.confidence > 0.8) == ("en", True, True)
    assert [task.language for task in found.tasks] == ["en", "en"]


def test_a_language_that_was_said_is_believed():
    found = plan("OK, Paris.", "en")
    assert (found.source, found.is_detected, found.confidence) == ("en", False, 1.0)


def test_the_text_can_be_put_together_again():
    text = f"# A title\n\n- {ENGLISH}\n- 42\n  "
    found = plan(text)
    assert "".join(task.before + task.text for task in found.tasks) + found.tail == text


def test_a_text_without_words_needs_no_language():
    found = plan("😀 42\n")
    assert (found.tasks, found.tail, found.source) == ((), "😀 42\n", "")
    assert "no words" in found.warnings[0]


def test_a_text_in_the_target_is_refused():
    with pytest.raises(SameLanguage):
        plan(FRENCH)


def test_a_text_that_shows_no_language_is_refused_with_a_question():
    with pytest.raises(LanguageNotTold) as caught:
        plan("xyzzy")
    assert "source_lang" in caught.value.hint


@pytest.mark.parametrize("text", [SPANISH, f"{SPANISH} Sí.", "Hola. Me gusta mucho. La casa es grande. Gracias."])
def test_a_text_in_another_language_than_said_is_refused(text):
    with pytest.raises(LanguageDiffers) as caught:
        plan(text, "en")
    assert "Spanish" in caught.value.what
    assert "es" in caught.value.hint


def test_one_sentence_in_the_language_that_was_said_is_enough_to_go_on():
    found = plan(f"{ENGLISH} {SPANISH}", "en")
    assert [task.language for task in found.tasks] == ["en", "es"]
    assert "1 sentence is in Spanish and went from there." in found.warnings


def test_sentences_in_the_target_stay():
    found = plan(f"{ENGLISH} {FRENCH} {ENGLISH}")
    assert [task.language for task in found.tasks] == ["en", "fr", "en"]
    assert "already" in found.warnings[0]


def test_sentences_that_nobody_reads_are_told():
    found = plan(f"{ENGLISH} {GERMAN}", "en")
    assert [task.language for task in found.tasks] == ["en", "en"]
    assert found.warnings == ("1 sentence is in German, which nobody here translates into French: taken for English.",)
