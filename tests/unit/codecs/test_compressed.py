from __future__ import annotations

import gc
import resource
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from portevoix.codecs import FORMATS, encoder
from portevoix.codecs.compressed import CompressedWriter
from portevoix.errors import UnknownFormat
from tests.signals import tone

HZ = 24_000


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


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


def test_a_listener_who_leaves_in_the_middle_frees_the_codec_at_once():
    gc.collect()
    gc.disable()
    try:
        before = resident_bytes()
        for _ in range(100):
            encoder("flac", HZ).encode(tone(440, 0.1, HZ))
        assert resident_bytes() - before < 40_000_000
    finally:
        gc.enable()


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
