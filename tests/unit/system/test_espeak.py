"""The real library, in this process, one utterance at a time."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from portevoix.errors import EngineUnavailable, VoiceNotFound
from portevoix.speech import Utterance, Voice
from portevoix.system.espeak import EspeakSynthesizer, manner_of, plain
from portevoix.system.espeak_library import SAMPLE_RATE, EspeakVoice, bundled_files
from portevoix.system.espeak_voices import language_tag, named_voices, speakable

SENTENCE = "Bonjour, comment allez-vous ?"


@pytest.fixture(scope="module")
def espeak():
    return EspeakSynthesizer()


def speak(espeak, text, voice="espeak-fr", **changes):
    found = next(known for known in espeak.voices() if known.name == voice)
    return list(espeak.speak(Utterance(text, found, found.language, **changes), lambda: False))


def seconds(chunks):
    return sum(chunk.seconds for chunk in chunks)


def words(text, chunks):
    return [text[mark.start : mark.end] for chunk in chunks for mark in chunk.marks]


def samples(chunks):
    return np.concatenate([chunk.samples for chunk in chunks])


def test_it_speaks_audibly_word_by_word(espeak):
    chunks = speak(espeak, SENTENCE)
    assert {chunk.sample_rate for chunk in chunks} == {SAMPLE_RATE}
    assert samples(chunks).dtype == np.float32
    assert 0.1 < np.abs(samples(chunks)).max() <= 1.0
    assert words(SENTENCE, chunks) == ["Bonjour,", "comment", "allez-vous ?"]
    assert [len(chunk.marks) for chunk in chunks] == [1, 1, 1]


def test_equal_requests_give_equal_samples_whatever_was_said_between(espeak):
    first = samples(speak(espeak, SENTENCE))
    speak(espeak, "Hello there", "espeak-en-us", speed=2.0)
    assert np.array_equal(samples(speak(espeak, SENTENCE)), first)


def test_places_count_characters_not_bytes(espeak):
    text = "Été 😀 à l'île, naïve où ça ?"
    assert words(text, speak(espeak, text))[:4] == ["Été", "😀", "à", "l'île,"]


@pytest.mark.parametrize("text", ["a\x01100S b", "un\0deux", "\ud800 hé", "a\r\nb\tc", "\x7f x"])
def test_what_is_no_text_is_a_blank_and_moves_no_place(espeak, text):
    assert len(plain(text)) == len(text)
    chunks = speak(espeak, text)
    assert chunks[-1].marks[-1].end == len(text)


def test_markup_is_read_and_not_obeyed(espeak):
    assert seconds(speak(espeak, 'un <break time="3s"/> deux')) > seconds(speak(espeak, "un deux")) + 0.5
    assert len(words("[[bOnjur]]", speak(espeak, "[[bOnjur]]"))) == 2
    fast = '<prosody rate="x-fast">un deux trois quatre cinq</prosody>'
    assert seconds(speak(espeak, fast)) > 2 * seconds(speak(espeak, "un deux trois quatre cinq")) * 0.9


def test_speed_changes_the_length_over_the_whole_range(espeak):
    lengths = [seconds(speak(espeak, SENTENCE, speed=speed)) for speed in (0.25, 0.5, 1.0, 2.0, 4.0)]
    assert all(slow > 1.6 * fast for slow, fast in zip(lengths, lengths[1:], strict=False))


def test_rate_and_volume_are_kept():
    loud, quiet = EspeakSynthesizer(), EspeakSynthesizer(rate=5, volume=20)
    assert seconds(speak(quiet, SENTENCE)) < 0.8 * seconds(speak(loud, SENTENCE))
    assert np.abs(samples(speak(quiet, SENTENCE))).max() < 0.5 * np.abs(samples(speak(loud, SENTENCE))).max()


def test_below_the_slowest_pace_the_pauses_grow():
    utterance = Utterance("x", Voice("v", "e", "fr"), "fr", speed=0.25)
    assert manner_of(utterance, 0, 100).words_per_minute == 80
    assert manner_of(utterance, 0, 100).word_gap > 0


def test_each_voice_that_is_advertised_is_found_again(espeak):
    for voice in espeak.voices():
        first = next(espeak.speak(Utterance("1 2", voice, voice.language), lambda: False))
        assert len(first.samples)


def test_a_voice_that_is_not_there_is_refused(espeak):
    utterance = Utterance("x", Voice("espeak-xx", "e", "xx"), "xx")
    with pytest.raises(VoiceNotFound):
        next(espeak.speak(utterance, lambda: False))


def test_names_are_unique_and_the_common_ones_come_first(espeak):
    names = [voice.name for voice in espeak.voices()]
    assert len(names) == len(set(names)) > 120
    first = {voice.family: voice.name for voice in reversed(espeak.voices())}
    assert (first["fr"], first["en"], first["pt"], first["es"]) == (
        "espeak-fr", "espeak-en-gb", "espeak-pt", "espeak-es",
    )  # fmt: skip
    assert {"zh", "no"} <= set(first)


def test_voices_without_a_dictionary_are_not_advertised(espeak):
    listed = (EspeakVoice("gmq/fo", (("fo", 5),)), EspeakVoice("bat/ltg", (("ltg", 5),)))
    assert [voice.identifier for voice in speakable(listed, bundled_files().data)] == ["bat/ltg"]
    assert "espeak-fo" not in {voice.name for voice in espeak.voices()}


def test_two_voices_of_one_language_get_two_names():
    listed = (EspeakVoice("sit/yue", (("yue", 5),)), EspeakVoice("sit/yue-Latn", (("yue", 5),)))
    assert set(named_voices(listed, "1")) == {"espeak-yue", "espeak-yue-latn"}


@pytest.mark.parametrize(("code", "tag"), [("fr", "fr"), ("en-gb-x-rp", "en-GB-x-rp"), ("en-029", "en-029")])
def test_tags_are_written_as_people_do(code, tag):
    assert language_tag(code) == tag


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_it_can_be_left_at_any_time(espeak, taken):
    text = " ".join(["longtemps"] * 2000)
    chunks = espeak.speak(Utterance(text, espeak.voices()[0], "fr"), lambda: False)
    assert len(list(islice(chunks, taken))) == taken
    chunks.close()
    assert speak(espeak, SENTENCE)


def test_it_stops_when_it_is_cancelled(espeak):
    heard = []
    text = " ".join(["longtemps"] * 2000)
    for chunk in espeak.speak(Utterance(text, espeak.voices()[0], "fr"), lambda: len(heard) >= 3):
        heard.append(chunk)  # noqa: PERF402 - the list is what cancels
    assert 3 <= len(heard) < 200


def test_data_under_a_very_long_path_is_found(tmp_path):
    files = bundled_files()
    folder = tmp_path / ("a long name " * 12) / "deeper" / "espeak-ng-data"
    shutil.copytree(files.data, folder)
    assert seconds(speak(EspeakSynthesizer(files=replace(files, data=folder)), SENTENCE)) > 1.0


def test_data_that_is_not_there_is_an_engine_that_is_not_ready(tmp_path):
    with pytest.raises(EngineUnavailable, match="cannot be used"):
        EspeakSynthesizer(files=replace(bundled_files(), data=tmp_path))


def test_a_library_that_is_no_library_is_an_engine_that_is_not_ready(tmp_path):
    wrong = tmp_path / "libespeak-ng.so"
    wrong.write_bytes(b"not a library")
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        EspeakSynthesizer(files=replace(bundled_files(), library=wrong))
