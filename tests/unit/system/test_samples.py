from __future__ import annotations

import wave
from io import BytesIO

import pytest

from portevoix.errors import EngineFailed
from portevoix.system.samples import samples_from_pcm, samples_from_wav


def wav(frames=4, channels=1, width=2, rate=16000):
    target = BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"\x00\x40" * (frames * channels * width // 2))
    return target.getvalue()


def test_full_scale_stays_within_one():
    assert samples_from_pcm(b"\x00\x80\xff\x7f\x00\x00").tolist() == [-1.0, 32767 / 32768, 0.0]


def test_half_a_sample_is_dropped():
    assert len(samples_from_pcm(b"\0\0\0")) == 1


def test_a_file_gives_its_samples_and_rate():
    samples, rate = samples_from_wav(wav())
    assert (samples.tolist(), rate) == ([0.5] * 4, 16000)


def test_of_two_channels_the_first_is_taken():
    assert len(samples_from_wav(wav(channels=2))[0]) == 4


@pytest.mark.parametrize("content", [b"", b"RIFF", wav()[:-2], wav(width=4), b"x" * 100])
def test_what_is_no_whole_file_is_a_failure(content):
    with pytest.raises(EngineFailed, match="cannot be used"):
        samples_from_wav(content)
