from __future__ import annotations

import json

import pytest

from portevoix.errors import ModelBroken, ModelMissing
from portevoix.vits.config import read_config
from tests.unit.vits.conftest import DUO, FRENCH, VOICES


def changed(tmp_path, key, value):
    """Copy a configuration with one value replaced; None removes it."""
    values = json.loads((VOICES / f"{FRENCH}.onnx.json").read_text())
    *outer, name = key.split(".")
    inner = values
    for part in outer:
        inner = inner[part]
    inner[name] = value
    if value is None:
        del inner[name]
    path = tmp_path / "voice.onnx.json"
    path.write_text(json.dumps(values))
    return path


def test_reads_what_a_published_voice_says():
    config = read_config(VOICES / f"{DUO}.onnx.json")
    assert (config.sample_rate, config.espeak_voice, config.id_count) == (16000, "en-us", 256)
    assert (config.speaker_count, config.speakers) == (2, {"anna": 0, "ben": 1})
    assert (config.noise_scale, config.length_scale, config.noise_w_scale) == (0.667, 1.0, 0.8)
    assert config.phoneme_ids["a"] == (14,)
    assert config.break_ids >= {8, 10, 12, 13}


@pytest.mark.parametrize("key", ["audio.sample_rate", "espeak.voice", "phoneme_id_map", "num_symbols", "audio"])
def test_names_the_key_that_is_missing(tmp_path, key):
    with pytest.raises(ModelBroken, match=f"it has no {key}"):
        read_config(changed(tmp_path, key, None))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("audio", 3),
        ("audio.sample_rate", "fast"),
        ("audio.sample_rate", 0),
        ("audio.sample_rate", True),
        ("num_symbols", -1),
        ("phoneme_id_map", []),
        ("phoneme_id_map", {"a": 3}),
        ("phoneme_id_map", {"a": ["x"]}),
        ("speaker_id_map", 3),
        ("inference.length_scale", -1),
        ("inference.length_scale", 0),
        ("inference.length_scale", float("nan")),
        ("inference.noise_w", float("inf")),
        ("audio.sample_rate", float("nan")),
        ("audio.sample_rate", 10**12),
        ("default_speaker_id", 1),
        ("phoneme_id_map", {}),
        ("phoneme_id_map", {"a": []}),
        ("phoneme_id_map", {"a": [-1]}),
        ("phoneme_id_map", {"a": [float("inf")]}),
        ("speaker_id_map", {"anna": "first"}),
    ],
)
def test_names_the_key_that_is_wrong(tmp_path, key, value):
    with pytest.raises(ModelBroken, match=key.replace("audio", "audio", 1)):
        read_config(changed(tmp_path, key, value))


@pytest.mark.parametrize("key", ["num_speakers", "speaker_id_map", "inference", "language"])
def test_does_without_what_old_voices_lack(tmp_path, key):
    assert read_config(changed(tmp_path, key, None)).speaker_count == 1


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", "[" * 200_000])
def test_says_that_a_file_is_broken(tmp_path, text):
    path = tmp_path / "voice.onnx.json"
    path.write_text(text)
    with pytest.raises(ModelBroken, match=r"voice\.onnx\.json"):
        read_config(path)


def test_says_that_a_file_is_missing(tmp_path):
    with pytest.raises(ModelMissing, match=r"voice\.onnx\.json"):
        read_config(tmp_path / "voice.onnx.json")
