"""Statements about all texts: nothing is lost on the way through a translator."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from portevoix.translate.kept import fragments, is_kept, margins
from portevoix.translate.layout import clean, take_apart

PIECES = st.sampled_from([
    "Hello", "the cat", ".", " ", "\n", "\r\n", "- ", "# ", "> ", "| a | b |", "**", "_", "`x`", "```\n", "[a](b)",
    "😀", "a@b.co", "http://a.b/c", "{x}", "<b>", "3,14", "(A B)", "\t", "é", "日本。", "\u2029", "'", "*",
])  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))


@given(TEXTS)
@example("```\nopen fence")
@example("|a|\n|-|")
@example("\r\r\n\n")
def test_the_parts_of_a_text_are_the_text(text):
    assert "".join(part.text for part in take_apart(clean(text))) == clean(text)


@given(TEXTS)
def test_sentences_have_words_and_no_margins(text):
    for part in take_apart(clean(text)):
        if part.is_sentence:
            assert part.text == part.text.strip()
            assert any(character.isalpha() for character in part.text)
            assert len(part.text) <= 400


@given(TEXTS)
def test_the_fragments_of_a_sentence_are_the_sentence(text):
    assert "".join(part for part, _ in fragments(text)) == text


@given(TEXTS)
def test_a_sentence_keeps_all_of_itself(text):
    assert is_kept(text, text)


@given(TEXTS)
def test_margins_are_white_space(text):
    before, core, after = margins(text)
    assert before + core + after == text
    assert not (before + after).strip()


@settings(max_examples=50)
@given(TEXTS)
def test_what_is_kept_stays_when_only_the_rest_is_translated(text):
    translated = "".join(part.upper() if is_language else part for part, is_language in fragments(text))
    for part, is_language in fragments(text):
        if not is_language:
            assert part in translated
