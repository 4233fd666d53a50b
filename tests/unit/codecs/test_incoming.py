from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.codecs import complete, to_int16, wav_file
from portevoix.codecs.incoming import LARGEST_BYTES, FileDecoder, audio_kind, decoder_for
from portevoix.errors import AudioNotReadable

RATE = 16_000
TIMES = np.arange(RATE) / RATE
SAMPLES = (0.4 * np.sin(2 * np.pi * 300 * TIMES)).astype(np.float32)
FILES = {kind: complete(kind, RATE, [SAMPLES]) for kind in ("wav", "mp3", "aac", "flac", "opus")}
FILES["pcm"] = to_int16(SAMPLES).tobytes()


def decode(kind: str, content: bytes, cuts: list[int]) -> np.ndarray:
    decoder = decoder_for("ogg" if kind == "opus" else kind, RATE)
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    parts = [decoder.push(content[start:end]) for start, end in zip(edges, edges[1:], strict=False)]
    return np.concatenate([*parts, decoder.finish()])


@pytest.mark.parametrize("kind", sorted(FILES))
@given(cuts=st.lists(st.integers(0, 100_000), max_size=6))
def test_the_samples_are_the_same_however_the_bytes_are_cut(kind, cuts):
    assert np.array_equal(decode(kind, FILES[kind], cuts), decode(kind, FILES[kind], []))


@pytest.mark.parametrize("kind", ["wav", "pcm", "flac"])
def test_lossless_kinds_give_the_very_samples(kind):
    assert np.array_equal(to_int16(decode(kind, FILES[kind], [])), to_int16(SAMPLES))


@pytest.mark.parametrize("kind", ["mp3", "aac", "opus"])
def test_other_kinds_give_the_length(kind):
    decoder = decoder_for("ogg" if kind == "opus" else kind, 0)
    samples = np.concatenate([decoder.push(FILES[kind]), decoder.finish()])
    assert len(samples) / decoder.sample_rate == pytest.approx(1.0, abs=0.15)
    assert samples.dtype == np.float32
    assert np.abs(samples).max() <= 1


@pytest.mark.parametrize(("kind", "content"), [
    ("wav", FILES["wav"][:-2]), ("wav", FILES["wav"][:20]), ("wav", b"RIFX" + FILES["wav"][4:]),
    ("wav", b"RIFF\0\0\0\0WAVE" + b"junk\xff\xff\xff\x7f" + bytes(70_000)), ("pcm", FILES["pcm"][:-1]),
    ("ogg", FILES["opus"][:100]), ("flac", b"fLaC" + bytes(3_000)), ("ogg", b""),
])  # fmt: skip
def test_what_is_cut_or_broken_is_refused(kind, content):
    with pytest.raises(AudioNotReadable):
        decode(kind, content, [len(content) // 2])


def test_a_file_that_never_ends_is_refused():
    decoder, piece = FileDecoder(), bytes(LARGEST_BYTES // 2)
    decoder.push(piece)
    decoder.push(piece)
    with pytest.raises(AudioNotReadable, match="MiB"):
        decoder.push(b"x")


@pytest.mark.parametrize(("media_type", "beginning", "kind"), [
    ("audio/pcm", b"\0" * 12, "pcm"), ("AUDIO/MPEG", b"\xff\xfb", "mp3"), ("", b"ID3\4", "mp3"), ("", b"\1\2", "asked"),
    ("audio/pcm", b"RIFFxxxxWAVE", "wav"), ("audio/mpeg", b"RIFFxxxxWAVE", "wav"), ("text/html", b"RIFFxxxxWAVE", ""),
    ("application/octet-stream", b"OggS", "ogg"), ("application/octet-stream", b"....ftypM4A ", "mp4"),
    ("application/json", b"{}", ""), ("audio/basic", b"\0\0", ""), ("video/mp4", b"....ftyp", ""),
])  # fmt: skip
def test_the_kind_is_what_the_sender_says_unless_it_shows_otherwise(media_type, beginning, kind):
    assert audio_kind(media_type, beginning, "asked") == kind


def test_a_whole_file_made_here_is_read_back():
    assert len(decode("wav", wav_file(SAMPLES, RATE), [3, 40, 44])) == RATE
