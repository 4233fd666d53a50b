"""Moving from openedai-speech: its two files become a configuration that loads."""

from __future__ import annotations

import pytest
import yaml

from portevoix.config import load
from portevoix.config.openedai import read_openedai
from portevoix.errors import ConfigError

VOICES = """
tts-1:
  some_other_voice_name_you_want:
    model: voices/choose your own model.onnx
    speaker: set your own speaker
  alloy:
    model: voices/en_US-libritts_r-medium.onnx
    speaker: 79 # 64, 79, 80, 101, 130
  echo-alt:
    model: voices/en_GB-jon.onnx
    speaker: # default speaker
tts-1-hd:
  alloy:
    model: xtts
    speaker: voices/alloy.wav
    temperature: 0.75
  me:
    model: xtts_v2.0.2
    speaker: voices/me.wav
  deep:
    model: parler-tts/parler_tts_mini_v0.1
    speaker: A man with a deep voice.
"""
WORDS = r"""
# regular expressions and replacements
- - —
  - ', '
- - \b[Ee]\.[Gg]\.
  - for example
- ['\bDr\.', 'Doctor']
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "voice_to_speaker.yaml").write_text(VOICES)
    (tmp_path / "config" / "pre_process_map.yaml").write_text(WORDS)
    return tmp_path / "config"


def test_piper_voices_and_words_are_taken_over(folder):
    taken = read_openedai([folder / "voice_to_speaker.yaml", folder / "pre_process_map.yaml"])
    assert taken.settings["voices"] == {
        "some_other_voice_name_you_want": "choose your own model#set your own speaker",
        "alloy": "en_US-libritts_r-medium#79",
        "echo-alt": "en_GB-jon",
    }
    assert taken.settings["voice_folders"] == [str(folder.parent / "voices")]
    assert taken.settings["replacements"][1] == [r"\b[Ee]\.[Gg]\.", "for example"]


def test_what_a_configuration_cannot_carry_is_told(folder):
    remarks = read_openedai([folder / "voice_to_speaker.yaml"]).remarks
    assert len(remarks) == 3
    assert f"portevoix voices add me {folder.parent / 'voices' / 'me.wav'} --consent" in remarks[1]
    assert "parler-tts/parler_tts_mini_v0.1, which is not known here" in remarks[2]


def test_what_comes_of_it_loads(folder, tmp_path):
    taken = read_openedai([folder / "voice_to_speaker.yaml", folder / "pre_process_map.yaml"])
    file = tmp_path / "tts.yaml"
    file.write_text(yaml.safe_dump(dict(taken.settings)))
    loaded = load(file, {}, {})
    assert loaded.errors == ()
    assert loaded.settings.replacements[2] == (r"\bDr\.", "Doctor")
    assert loaded.settings.voices["alloy"] == "en_US-libritts_r-medium#79"


@pytest.mark.parametrize(("content", "words"), [
    ("a: [", "it is no YAML"), ("other: 1", "neither voices"), ("- [a]", "entry 1 is no pair"),
    ("tts-1: {alloy: 3}", "tts-1.alloy names no model"), ("", "neither voices"),
])  # fmt: skip
def test_anything_else_is_refused(tmp_path, content, words):
    file = tmp_path / "file.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=words):
        read_openedai([file])


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_openedai([tmp_path / "none.yaml"])


@pytest.mark.parametrize(("written", "words"), [
    ("[['(', 'x']]", "missing )"), ("[['a']]", "a list of 2 values"), ("[['a', '\\1']]", "invalid group reference"),
    ("[[1, 'x']]", "expected a text"), ("x", "expected a list"),
])  # fmt: skip
def test_a_replacement_that_cannot_be_is_named(tmp_path, written, words):
    file = tmp_path / "tts.yaml"
    file.write_text(f"replacements: {written}\n")
    (problem,) = load(file, {}, {}).errors
    assert words in f"{problem.message} {problem.suggestion}"
    assert problem.key.startswith("replacements")
