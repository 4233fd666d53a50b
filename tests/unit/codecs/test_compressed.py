from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from portevoix.codecs import FORMATS, encoder
from portevoix.codecs.compressed import CompressedWriter
from portevoix.errors import UnknownFormat
from tests.signals import tone

HZ = 24_000
COMPRESSED = [name for name, known in FORMATS.items() if known.recipe]


def test_an_encoder_that_this_build_lacks_is_an_unknown_format():
    recipe = replace(FORMATS["aac"].recipe, codec="no_such_codec")
    with pytest.raises(UnknownFormat, match="no_such_codec"):
        CompressedWriter(recipe, HZ, is_file=False)


def test_a_streamed_mp3_begins_with_sound_and_a_file_with_its_length():
    samples = tone(440, 0.5, HZ)
    stream, file = (CompressedWriter(FORMATS["mp3"].recipe, HZ, is_file=is_file) for is_file in (False, True))
    streamed = stream.write(samples) + stream.close()
    assert b"Xing" not in streamed
    assert b"Info" not in streamed
    assert file.write(samples) == b""
    assert b"Info" in file.close()[:200]


def test_flac_begins_without_padding():
    stream = encoder("flac", HZ)
    assert len(stream.encode(tone(440, 0.06, HZ))) < 2500


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_long_stream_keeps_nothing(name):
    stream = encoder(name, HZ)
    second = tone(440, 1, HZ)
    stream.encode(second)
    tracemalloc.start()
    for _ in range(60):
        stream.encode(second)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 200_000
