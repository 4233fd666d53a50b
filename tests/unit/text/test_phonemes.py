"""The phoneme ids of Piper voices are those that piper-tts itself makes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from piper.config import PiperConfig
from piper.voice import PiperVoice

from portevoix.errors import EngineFailed, ModelBroken
from portevoix.text.phonemes import Espeak, Phonemizer, needs_networks
from tests.unit.text.sentences_by_language import BY_SCRIPT, ENGLISH, FRENCH

CONFIG = json.loads(Path("tests/fixtures/voices/fr_FR-petit-low.onnx.json").read_text(encoding="utf-8"))

SENTENCES = [*FRENCH, *ENGLISH, *(text for texts in BY_SCRIPT.values() for text in texts)]
ODD = [
    "", " ", "...", "a", "a\x01b", "<b>un</b> & 😀", "Un. Deux ! Trois ? Quatre…", "x" * 3000, "1 234,5 % de 7e12",
    "un\ndeux\r\ntrois", "mot " * 300, "¿Qué tal? (bien), «sí» — no; ya: vale", "你好。世界", "مرحبا بالعالم",
    "שלום עולם", "[[həˈloʊ]]",
    "Say [[həˈloʊ]] to", "[[a]][[b]] c", "a [[b", "[[b", "[[ b ]]. Deux. [[c]] Trois.", "[[]]", "d]] e",
    "Un. [[a]]", "[[a\nb]] c",
]  # fmt: skip
DOTTED = ["a.", "U.", "é.", "文.", "स.", "a..", "a.,", ".u", "1.a.", "a.b. ", "a . ", "a.. "]
READ_ALL = """
import json, sys
from portevoix.text.phonemes import Espeak, Phonemizer
one = Phonemizer(json.loads(sys.argv[1]), Espeak())
for text in sys.argv[2:]:
    one.sentences(text)
print(*({"numpy", "onnxruntime"} & sys.modules.keys()))
"""


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def stock_ids(config: dict[str, Any], text: str) -> list[tuple[int, ...]]:
    stock = PiperVoice(session=None, config=PiperConfig.from_dict(config))
    return [tuple(stock.phonemes_to_ids(phonemes)) for phonemes in stock.phonemize(text) if phonemes]


def reader_of(language: str, **changes: object) -> dict[str, Any]:
    return {**CONFIG, "espeak": {"voice": language}, **changes}


@pytest.mark.parametrize(
    "config",
    [
        *(reader_of(language) for language in ("fr", "en-us", "de", "es", "it", "ru", "cmn", "hi", "ar")),
        reader_of("fr", vowel_clusters=[["a", "ɪ"], ["ɔ", "ɪ"]]),
        reader_of("fr", phoneme_type="text"),
        reader_of("he", phoneme_type="hebrew"),
    ],
    ids=lambda config: "-".join([config["espeak"]["voice"], config.get("phoneme_type", ""), *config.keys() - CONFIG]),
)
def test_ids_are_those_of_piper(config: dict[str, Any], espeak: Espeak) -> None:
    texts = [*SENTENCES[:: 10 if needs_networks(config) else 1], *ODD]
    ours = Phonemizer(config, espeak)
    assert [[one.ids for one in ours.sentences(text)] for text in texts] == [stock_ids(config, text) for text in texts]


@pytest.mark.parametrize("text", ["a\0b", "\ud800 x"])
def test_what_espeak_refuses_is_told(text: str, espeak: Espeak) -> None:
    with pytest.raises(EngineFailed, match="Error: "):
        Phonemizer(CONFIG, espeak).sentences(text)


@pytest.mark.parametrize("kind", ["pinyin", "japanese", "thai"])
def test_what_is_not_installed_is_told(kind: str, espeak: Espeak) -> None:
    with pytest.raises(EngineFailed, match="ModuleNotFoundError"):
        Phonemizer(reader_of("x", phoneme_type=kind), espeak).sentences("a")


@pytest.mark.parametrize("language", ["fr", "en-us"])
def test_no_row_of_dotted_letters_brings_the_process_down_and_no_network_is_imported(language: str) -> None:
    texts = [(unit * 400)[:length] for unit in DOTTED for length in (100, 200, 400)]
    command = [sys.executable, "-c", READ_ALL, json.dumps(reader_of(language)), *texts]
    done = subprocess.run(command, check=False, capture_output=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"", b"")


def test_a_usual_number_of_dots_is_read_as_it_stands(espeak: Espeak) -> None:
    english = reader_of("en-us")
    for text in ("the U.S.A. is big", "192.168.178.201", "www.a.b.c.example.org", "Hm...", "Un. Deux. " * 30):
        assert [one.ids for one in Phonemizer(english, espeak).sentences(text)] == stock_ids(english, text)


@pytest.mark.parametrize("config", [{}, {"num_symbols": 1}, {**CONFIG, "phoneme_type": "klingon"}])
def test_a_broken_configuration_is_told(config: dict[str, Any], espeak: Espeak) -> None:
    with pytest.raises(ModelBroken):
        Phonemizer(config, espeak)
