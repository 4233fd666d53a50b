from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from piper.config import PiperConfig
from piper.voice import PiperVoice

from portevoix.errors import ModelBroken, ModelUnsupported
from portevoix.text.phonemes import Phonemizer, shared_out

FRENCH = Path("tests/fixtures/voices/fr_FR-petit-low.onnx.json")
ENGLISH = Path("tests/fixtures/voices/en_US-small-low.onnx.json")

DOTTED = ["a.", "U.", "é.", "文.", "स.", "a..", "a.,", ".u", "1.a.", "a.b. ", "a . ", "a.. "]
READ_ALL = """
import sys
from pathlib import Path
from portevoix.text.phonemes import Phonemizer
one = Phonemizer(Path(sys.argv[1]))
for text in sys.argv[2:]:
    one.words(text, one.sentences(text))
"""


@pytest.fixture(scope="module")
def french() -> Phonemizer:
    return Phonemizer(FRENCH)


@pytest.fixture(scope="module")
def english() -> Phonemizer:
    return Phonemizer(ENGLISH)


def words(phonemizer: Phonemizer, text: str) -> list[str]:
    return [text[word.start : word.end] for word in phonemizer.words(text, phonemizer.sentences(text))]


def test_ids_are_those_of_piper(french: Phonemizer) -> None:
    text = "Bonjour à tous. Comment allez-vous ?"
    stock = PiperVoice(session=None, config=PiperConfig.from_dict(json.loads(FRENCH.read_text(encoding="utf-8"))))
    expected = [tuple(stock.phonemes_to_ids(phonemes)) for phonemes in stock.phonemize(text)]
    assert [sentence.ids for sentence in french.sentences(text)] == expected


def test_each_written_word_is_found(french: Phonemizer) -> None:
    assert words(french, "Bonjour à tous, la maison est belle.") == [
        "Bonjour", "à", "tous", "la", "maison", "est", "belle",
    ]  # fmt: skip


def test_words_spoken_as_one_stay_together(english: Phonemizer) -> None:
    assert words(english, "one of the people in the house") == ["one", "of the", "people", "in the", "house"]


def test_a_number_gets_all_the_words_it_is_spoken_with(english: Phonemizer) -> None:
    assert words(english, "She has 42 cats.") == ["She", "has", "42", "cats"]


def test_words_end_inside_their_sentence(french: Phonemizer) -> None:
    text = "Un deux. Trois quatre. Cinq !"
    sentences = french.sentences(text)
    found = french.words(text, sentences)
    assert [word.sentence for word in found] == [0, 0, 1, 1, 2]
    assert all(word.id_end <= len(sentences[word.sentence].ids) for word in found)


def test_a_text_without_sound_has_no_words(french: Phonemizer) -> None:
    assert french.words("...", french.sentences("...")) == ()


@pytest.mark.parametrize("config", [FRENCH, ENGLISH])
def test_no_row_of_dotted_letters_brings_the_process_down(config: Path) -> None:
    texts = [(unit * 400)[:length] for unit in DOTTED for length in (100, 200, 400)]
    done = subprocess.run([sys.executable, "-c", READ_ALL, str(config), *texts], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_usual_number_of_dots_is_read_as_it_stands(english: Phonemizer) -> None:
    for text in ("the U.S.A. is big", "192.168.178.201", "www.a.b.c.example.org", "Hm...", "Un. Deux. " * 30):
        stock = PiperVoice(session=None, config=PiperConfig.from_dict(json.loads(ENGLISH.read_text(encoding="utf-8"))))
        assert [one.ids for one in english.sentences(text)] == [
            tuple(stock.phonemes_to_ids(phonemes)) for phonemes in stock.phonemize(text)
        ]


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"num_symbols": 1, "phoneme_type": "klingon"}'])
def test_a_broken_configuration_is_told(tmp_path: Path, content: str) -> None:
    config = tmp_path / "x.onnx.json"
    config.write_text(content, encoding="utf-8")
    with pytest.raises(ModelBroken):
        Phonemizer(config)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=15), st.lists(st.integers(1, 20), min_size=1, max_size=15))
def test_sharing_out_covers_all_words_in_order(written: list[int], spoken: list[int]) -> None:
    pairs = shared_out(written, spoken)
    assert pairs[-1] == (len(written), len(spoken))
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))


def test_a_language_that_espeak_does_not_know_is_told_before_a_sentence(tmp_path: Path) -> None:
    config = json.loads(FRENCH.read_text(encoding="utf-8")) | {"espeak": {"voice": "xx-nobody"}}
    path = tmp_path / "voice.onnx.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelUnsupported, match="xx-nobody"):
        Phonemizer(path).prove()
