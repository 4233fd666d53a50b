"""Which written word is spoken where."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.text.phonemes import Espeak, Phonemizer
from portevoix.text.spoken_words import SpokenWord, shared_out, spoken_words, words_to_measure

VOICES = Path("tests/fixtures/voices")


def phonemizer(name: str) -> Phonemizer:
    return Phonemizer(json.loads((VOICES / f"{name}.onnx.json").read_text(encoding="utf-8")), Espeak())


@pytest.fixture(scope="module")
def french() -> Phonemizer:
    return phonemizer("fr_FR-petit-low")


@pytest.fixture(scope="module")
def english() -> Phonemizer:
    return phonemizer("en_US-small-low")


def found(phonemizer: Phonemizer, text: str) -> tuple[SpokenWord, ...]:
    sentences = phonemizer.sentences(text)
    return spoken_words(text, sentences, [phonemizer.length(word) for word in words_to_measure(text, sentences)])


def words(phonemizer: Phonemizer, text: str) -> list[str]:
    return [text[word.start : word.end] for word in found(phonemizer, text)]


def test_each_written_word_is_found(french: Phonemizer) -> None:
    text = "Bonjour à tous, la maison est belle."
    assert words(french, text) == ["Bonjour", "à", "tous", "la", "maison", "est", "belle"]
    assert words_to_measure(text, french.sentences(text)) == []


def test_words_spoken_as_one_stay_together(english: Phonemizer) -> None:
    assert words(english, "one of the people in the house") == ["one", "of the", "people", "in the", "house"]


def test_a_number_gets_all_the_words_it_is_spoken_with(english: Phonemizer) -> None:
    assert words(english, "She has 42 cats.") == ["She", "has", "42", "cats"]


def test_words_end_inside_their_sentence(french: Phonemizer) -> None:
    text = "Un deux. Trois quatre. Cinq !"
    sentences = french.sentences(text)
    said = found(french, text)
    assert [word.sentence for word in said] == [0, 0, 1, 1, 2]
    assert all(word.id_end <= len(sentences[word.sentence].ids) for word in said)


def test_a_text_without_sound_has_no_words(french: Phonemizer) -> None:
    assert found(french, "...") == ()


@given(st.lists(st.integers(1, 20), min_size=1, max_size=15), st.lists(st.integers(1, 20), min_size=1, max_size=15))
def test_sharing_out_covers_all_words_in_order(written: list[int], spoken: list[int]) -> None:
    pairs = shared_out(written, spoken)
    assert pairs[-1] == (len(written), len(spoken))
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))
