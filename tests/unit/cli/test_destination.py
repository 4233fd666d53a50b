from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.cli.destination import choose, free_name, known_suffixes
from portevoix.codecs import FORMATS
from portevoix.errors import UnknownFormat


@pytest.mark.parametrize(
    ("output", "plays", "has_sound", "expected"),
    [
        (None, None, True, "play"),
        (None, None, False, "file"),
        (None, False, True, "file"),
        (None, True, False, "play"),
        ("out.wav", None, True, "file"),
        ("out.wav", True, True, "play file"),
        ("-", None, True, "stdout"),
        ("-", True, True, "play stdout"),
    ],
)
def test_where_speech_goes(output, plays, has_sound, expected):
    chosen = choose(output, None, plays=plays, has_sound=has_sound)
    facts = {"play": chosen.plays, "file": chosen.writes_file, "stdout": chosen.is_stdout}
    assert " ".join(name for name, is_so in facts.items() if is_so) == expected


@pytest.mark.parametrize(
    ("output", "name", "expected"),
    [
        ("out.mp3", None, "mp3"),
        ("OUT.FLAC", None, "flac"),
        ("out.ogg", None, "opus"),
        ("out.raw", None, "pcm"),
        ("out", None, "wav"),
        ("a.b/out", None, "wav"),
        ("out.mp3", "flac", "flac"),
        ("out.xyz", "MP3", "mp3"),
        ("-", None, "wav"),
        (None, "opus", "opus"),
    ],
)
def test_the_format(output, name, expected):
    assert choose(output, name, plays=None, has_sound=False).format.name == expected


def test_every_format_has_a_suffix_that_names_it():
    for known in FORMATS.values():
        assert known.extension in known_suffixes()
        assert choose(f"x{known.extension}", None, plays=None, has_sound=False).format is known


@pytest.mark.parametrize(("output", "name"), [("out.midi", None), ("out.wav", "midi")])
def test_unknown_formats_are_refused(output, name):
    with pytest.raises(UnknownFormat) as refused:
        choose(output, name, plays=None, has_sound=False)
    assert "wav" in refused.value.hint


def test_a_device_file_may_be_called_anything(tmp_path):
    (tmp_path / "x.d").mkdir()
    assert choose(str(tmp_path / "x.d"), None, plays=None, has_sound=False).format.name == "wav"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bonjour à tous !", "bonjour-a-tous.wav"),
        ("L'été, où êtes-vous allés hier ?", "l-ete-ou-etes-vous-alles.wav"),
        ("../../etc/passwd", "etc-passwd.wav"),
        ("日本語", "speech.wav"),
        ("", "speech.wav"),
    ],
)
def test_a_name_from_the_first_words(text, expected):
    assert free_name(text, ".wav") == Path(expected)


@given(st.text())
def test_a_name_is_always_harmless(text):
    name = str(free_name(text, ".wav"))
    assert len(name) <= 52
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert name[0] not in "-."
