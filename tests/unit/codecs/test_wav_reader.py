from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.codecs import read_wav, wav_file
from portevoix.errors import AudioNotReadable
from tests.signals import tone

HZ = 24_000
SAMPLES = tone(440, 0.05, HZ)
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def riff(fmt: bytes, data: bytes, before: bytes = b"", data_size: int | None = None) -> bytes:
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", len(data) if data_size is None else data_size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fmt(tag: int, bits: int, channels: int = 1, rate: int = HZ) -> bytes:
    frame = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)


def int24(samples: np.ndarray) -> bytes:
    return (samples * (2**23 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


KINDS = {
    "8 bits": (fmt(1, 8), np.round(SAMPLES * 127 + 128).astype(np.uint8).tobytes(), 0.01),
    "16 bits": (fmt(1, 16), (SAMPLES * 32767).astype("<i2").tobytes(), 1e-4),
    "24 bits": (fmt(1, 24), int24(SAMPLES), 1e-6),
    "32 bits": (fmt(1, 32), (SAMPLES.astype(float) * (2**31 - 1)).astype("<i4").tobytes(), 1e-6),
    "float": (fmt(3, 32), SAMPLES.astype("<f4").tobytes(), 0),
    "double": (fmt(3, 64), SAMPLES.astype("<f8").tobytes(), 0),
    "extensible": (
        fmt(0xFFFE, 16) + struct.pack("<HHIH", 22, 16, 4, 1) + GUID_TAIL,
        (SAMPLES * 32767).astype("<i2").tobytes(),
        1e-4,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_usual_kind_is_read(kind):
    layout, data, tolerance = KINDS[kind]
    samples, rate = read_wav(riff(layout, data))
    assert rate == HZ
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, SAMPLES, atol=tolerance)


def test_channels_are_averaged():
    pairs = np.stack([SAMPLES, np.zeros_like(SAMPLES)], axis=1).astype("<f4")
    samples, _ = read_wav(riff(fmt(3, 32, channels=2), pairs.tobytes()))
    np.testing.assert_allclose(samples, SAMPLES / 2, atol=1e-7)


def test_other_chunks_are_passed_over_even_of_odd_size():
    samples, _ = read_wav(riff(*KINDS["float"][:2], before=b"LIST\x03\x00\x00\x00abc\x00"))
    np.testing.assert_array_equal(samples, SAMPLES)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 10**6])
def test_a_size_beyond_the_end_means_to_the_end(size):
    samples, _ = read_wav(riff(*KINDS["float"][:2], data_size=size))
    np.testing.assert_array_equal(samples, SAMPLES)


def test_half_a_sample_at_the_end_is_dropped():
    samples, _ = read_wav(riff(fmt(1, 16), b"\x01\x00\x02\x00\x03"))
    assert len(samples) == 2


def test_broken_floats_become_silence():
    samples, _ = read_wav(riff(fmt(3, 32), np.array([np.nan, np.inf, 0.5], "<f4").tobytes()))
    assert samples.tolist() == [0, 0, 0.5]


def test_a_file_is_read_by_its_path(tmp_path):
    path = tmp_path / "voice.wav"
    path.write_bytes(wav_file(SAMPLES, HZ))
    assert len(read_wav(path)[0]) == len(read_wav(str(path))[0]) == len(SAMPLES)


WRONG = {
    "nothing": b"",
    "not a wave": b"ID3\x04" + bytes(100),
    "RIFF of another kind": b"RIFF\x04\x00\x00\x00AVI ",
    "no chunks": riff(b"", b"")[:12],
    "no samples": riff(fmt(1, 16), b"")[:36],
    "a short description": riff(b"\x01\x00\x01\x00", b"\x00\x00"),
    "samples before their description": b"RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00\x00\x00",
    "no channels": riff(fmt(1, 16, channels=0), b"\x00\x00"),
    "no rate": riff(fmt(1, 16, rate=0), b"\x00\x00"),
    "an absurd rate": riff(fmt(1, 16, rate=2**30), b"\x00\x00"),
    "A-law": riff(fmt(6, 8), b"\x00\x00"),
    "12 bits": riff(fmt(1, 12), b"\x00\x00"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_cannot_be_read_is_refused_with_a_reason(fault):
    with pytest.raises(AudioNotReadable) as caught:
        read_wav(WRONG[fault])
    assert caught.value.why
    assert caught.value.hint


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(AudioNotReadable, match="No such file"):
        read_wav(tmp_path / "missing.wav")


@given(st.binary(max_size=200), st.integers(0, 60))
def test_rubbish_is_refused_or_read_never_worse(rubbish, kept):
    content = wav_file(SAMPLES[:20], HZ)[:kept] + rubbish
    try:
        samples, rate = read_wav(content)
    except AudioNotReadable:
        return
    assert samples.ndim == 1
    assert rate > 0
