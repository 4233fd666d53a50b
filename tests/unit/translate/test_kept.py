from __future__ import annotations

import pytest

from portevoix.translate.kept import fragments, has_language, is_kept, language_of, margins, trimmed


@pytest.mark.parametrize("text", ["Hello", "42 cats", "été", "日本", "[John] is here", "see https://a.example/b"])
def test_words_are_language(text):
    assert has_language(text)


@pytest.mark.parametrize(
    "text",
    ["", "42", "😀 👍🏽", "https://a.example/b?c=d", "bob@example.com", "[NAME]", "{user}", "`code`", "--- ***",
     "<br/>", "3,14 %", "@somebody", "#topic"],
)  # fmt: skip
def test_what_is_no_language_needs_no_translator(text):
    assert not has_language(text)


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Write to bob@example.com now", ["bob@example.com"]),
        ("See https://a.example/b?c=d, then go.", ["https://a.example/b?c=d"]),
        ("This is **very** good", ["**", "**"]),
        ("Click [here](https://a.example) now", ["[", "](https://a.example)"]),
        ("Dear [John Smith], hello", ["[John Smith]"]),
        ("Dear {name}, hello", ["{name}"]),
        ("The man (John Smith) left", ["(John Smith)"]),
        ("Run `make test` now", ["`make test`"]),
        ("Good 😀 evening", ["😀"]),
        ("I have 3 cats and 12.5 dogs", ["3", "12.5"]),
        ("<b>Hello</b> you", ["<b>", "</b>"]),
        ("Ask @bob_smith about #python", ["@bob_smith", "#python"]),
        ("Hello %(name)s", ["%(name)s"]),
        ("a_word and snake_case", []),
        ("5 * 3 is fifteen", ["5", "3"]),
    ],
)
def test_a_sentence_falls_into_language_and_the_rest(sentence, kept):
    parts = fragments(sentence)
    assert "".join(text for text, _ in parts) == sentence
    others = [text for text, is_language in parts if not is_language and not text.isspace()]
    assert [text for text in others if text.strip(" .,*") or "**" in text] == kept


@pytest.mark.parametrize(
    ("sentence", "translation"),
    [
        ("I have 3 cats.", "J'ai 3 chats."),
        ("It costs 12,500.50 euros.", "Ça coûte 12 500,50 euros."),
        ("At 7:30.", "À 7 h 30."),
        ("**Yes** and no", "**Oui** et non"),
        ("To bob@example.com", "À bob@example.com"),
        ("from 1 to 2", "de 2 à 1"),
    ],
)
def test_a_translation_that_has_everything_is_taken(sentence, translation):
    assert is_kept(sentence, translation)


@pytest.mark.parametrize(
    ("sentence", "translation"),
    [
        ("I have 3 cats.", "J'ai trois chats."),
        ("I have 12 cats.", "J'ai 21 chats."),
        ("I have cats.", "J'ai 7 chats."),
        ("**Yes** and no", "** Oui ** et non"),
        ("**Yes** and no", "Oui et non"),
        ("To bob@example.com", "À bob@exemple.com"),
        ("See [NAME]", "Voir [NOM]"),
        ("Good 😀", "Bien"),
        ("Good 😀", "Bien 😀😀"),
        ("Dear {name}", "Cher {name} {name}"),
    ],
)
def test_a_translation_that_lost_or_made_up_something_is_not(sentence, translation):
    assert not is_kept(sentence, translation)


def test_the_language_of_a_text_shows_without_what_is_kept():
    assert language_of("Write to bob@example.com 3 times").split() == ["Write", "to", "times"]


def test_margins():
    assert margins("  a b \n") == ("  ", "a b", " \n")
    assert margins("   ") == ("   ", "", "")


def test_a_fragment_gets_no_full_stop_and_no_capital_of_its_own():
    assert trimmed("very", "Très.") == "très"
    assert trimmed("Write to", "Écrivez à.") == "Écrivez à"
    assert trimmed("good.", "Bon.") == "bon."
    assert trimmed("the USA", "USA") == "USA"


@pytest.mark.parametrize("part", ["* ", "[", "a_", "(A ", "1,", "<a", "a@", "www.", "`"])
@pytest.mark.timeout(60)
def test_hostile_texts_take_no_time(part):
    text = part * 10_000
    assert "".join(part for part, _ in fragments(text)) == text
    assert is_kept(text, text)
