from __future__ import annotations

import numpy as np
import pytest

from portevoix.dsp import Resampler
from tests.listening import dominant_hz
from tests.signals import babble, stream_through, tone

PAIRS = [(22_050, 24_000), (16_000, 24_000), (24_000, 16_000), (44_100, 24_000), (8_000, 48_000)]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("count", [0, 1, 441, 30_011])
def test_the_length_is_the_ratio_within_one_sample(source, target, count):
    out = stream_through(Resampler(source, target), np.zeros(count, np.float32), 1000)
    assert abs(len(out) - count * target / source) <= 1
    assert out.dtype == np.float32


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_pitch_stays(source, target):
    out = stream_through(Resampler(source, target), tone(440, 1, source), 777)
    assert dominant_hz(out, target) == pytest.approx(440, abs=0.5)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_cutting_changes_nothing(source, target):
    voice = babble(1, source)
    whole = stream_through(Resampler(source, target), voice, len(voice))
    for size in (1, 97, 4000):
        np.testing.assert_array_equal(stream_through(Resampler(source, target), voice, size), whole)


def test_equal_rates_hand_back_the_same_array():
    resampler, voice = Resampler(24_000, 24_000), babble(0.1, 24_000)
    assert resampler.push(voice) is voice
    assert len(resampler.flush()) == 0


def test_two_resamplers_share_nothing():
    first, second = Resampler(16_000, 24_000), Resampler(16_000, 24_000)
    voice = babble(0.5, 16_000)
    first.push(np.ones(5000, np.float32))
    np.testing.assert_array_equal(
        stream_through(second, voice, 800), stream_through(Resampler(16_000, 24_000), voice, 800)
    )


def test_a_flushed_stream_starts_afresh():
    resampler, voice = Resampler(16_000, 24_000), babble(0.5, 16_000)
    first = stream_through(resampler, voice, 800)
    np.testing.assert_array_equal(stream_through(resampler, voice, 800), first)


@pytest.mark.parametrize(("source", "target"), [(0, 24_000), (24_000, -1)])
def test_rates_are_positive(source, target):
    with pytest.raises(ValueError, match="positive"):
        Resampler(source, target)
