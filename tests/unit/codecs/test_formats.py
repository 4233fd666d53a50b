from __future__ import annotations

import pytest

from portevoix.codecs import FORMATS, complete, encoder, find_format
from portevoix.errors import EmptyAudio, UnknownFormat


def test_the_formats_are_those_of_the_speech_api():
    assert set(FORMATS) == {"mp3", "opus", "aac", "flac", "wav", "pcm"}


@pytest.mark.parametrize("name", ["ogg", "MP3", "", "wav "])
def test_an_unknown_format_is_refused_with_the_list(name):
    with pytest.raises(UnknownFormat) as caught:
        encoder(name, 24_000)
    assert all(known in caught.value.hint for known in FORMATS)
    assert caught.value.param == "response_format"


@pytest.mark.parametrize(
    ("name", "source", "written"),
    [
        ("pcm", 22_050, 24_000),
        ("pcm", 48_000, 24_000),
        ("opus", 16_000, 48_000),
        ("mp3", 22_050, 22_050),
        ("mp3", 8_000, 16_000),
        ("mp3", 96_000, 48_000),
        ("aac", 24_000, 24_000),
        ("aac", 23_000, 24_000),
        ("flac", 16_000, 16_000),
        ("wav", 12_345, 12_345),
    ],
)
def test_the_sources_rate_is_kept_where_the_format_can(name, source, written):
    assert find_format(name).output_rate(source) == written


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_is_positive(rate):
    with pytest.raises(ValueError, match="positive"):
        encoder("wav", rate)


@pytest.mark.parametrize("name", FORMATS)
def test_no_file_is_made_of_nothing(name):
    with pytest.raises(EmptyAudio):
        complete(name, 24_000, [])
