from __future__ import annotations

import logging

import numpy as np
import pytest

from portevoix.codecs import FORMATS, encoder
from portevoix.errors import EmptyAudio
from tests.signals import tone

HZ = 24_000


def pcm(samples: np.ndarray, rate: int = HZ) -> np.ndarray:
    stream = encoder("pcm", rate)
    return np.frombuffer(stream.encode(samples) + stream.finish(), "<i2")


def test_broken_samples_become_silence_and_are_counted(caplog):
    stream = encoder("pcm", HZ)
    with caplog.at_level(logging.WARNING):
        content = stream.encode(np.array([0.5, np.nan, np.inf, -np.inf, 0.25], np.float32)) + stream.finish()
    assert np.frombuffer(content, "<i2").tolist() == [16384, 0, 0, 0, 8192]
    assert stream.replaced_samples == 3
    assert [record.message for record in caplog.records] == ["codec.samples_replaced"]


@pytest.mark.parametrize("name", FORMATS)
def test_broken_and_huge_samples_reach_no_codec(name):
    stream = encoder(name, HZ)
    wild = np.full(5000, np.nan, np.float32)
    wild[::3], wild[1::3] = np.inf, 1e30
    assert stream.encode(wild) + stream.finish()


def test_samples_beyond_full_scale_are_clipped_also_after_resampling():
    assert np.max(np.abs(pcm(np.full(1000, 5, np.float32)).astype(int))) == 32767
    square = np.sign(tone(1000, 0.2, 16_000))
    resampled = pcm(square, 16_000).astype(int)
    assert np.all(np.abs(np.diff(resampled)) < 60_000)


def test_an_encoder_serves_one_response():
    stream = encoder("pcm", HZ)
    stream.encode(tone(440, 0.1, HZ))
    stream.finish()
    with pytest.raises(RuntimeError, match="finished"):
        stream.encode(tone(440, 0.1, HZ))
    with pytest.raises(RuntimeError, match="finished"):
        stream.finish()


def test_two_dimensions_are_a_mistake():
    with pytest.raises(ValueError, match="one dimension"):
        encoder("pcm", HZ).encode(np.zeros((2, 10), np.float32))


@pytest.mark.parametrize("name", FORMATS)
def test_a_response_without_a_sample_has_no_file(name):
    stream = encoder(name, HZ)
    assert stream.encode(np.zeros(0, np.float32)) == b""
    with pytest.raises(EmptyAudio):
        stream.finish()
