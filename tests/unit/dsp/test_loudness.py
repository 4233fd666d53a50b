from __future__ import annotations

import numpy as np
import pytest

from portevoix.dsp import is_audible, rms_dbfs, silence
from tests.signals import tone

HZ = 22_050


def test_a_full_scale_sine_has_minus_three_decibels():
    assert rms_dbfs(tone(1000, 1, HZ, level=1)) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(100), np.full(100, 0.7), np.full(10, np.nan)])
def test_what_does_not_move_has_the_floor(samples):
    assert rms_dbfs(samples.astype(np.float32)) == pytest.approx(-120)


def test_speech_at_any_usual_level_is_audible():
    assert is_audible(tone(200, 0.1, HZ, level=0.01))


def test_one_audible_frame_in_a_long_silence_is_enough():
    samples = silence(10, HZ)
    samples[100_000:100_512] = tone(300, 1, HZ, level=0.05)[:512]
    assert is_audible(samples)


def test_a_short_rest_behind_the_last_whole_frame_counts():
    assert is_audible(np.concatenate([silence(0.1, HZ), tone(1000, 0.005, HZ)]))


@pytest.mark.parametrize("offset", [0.0, 0.5, -1.0])
def test_offsets_dither_and_nothing_are_not(offset):
    dither = np.random.default_rng(1).uniform(-1, 1, HZ).astype(np.float32) / 32768
    assert not is_audible(dither + np.float32(offset))
    assert not is_audible(np.zeros(0, np.float32))
    assert not is_audible(np.full(999, np.nan, np.float32))


def test_the_threshold_is_the_callers():
    quiet = tone(200, 0.1, HZ, level=0.01)
    assert not is_audible(quiet, threshold_dbfs=-30)


def test_silence_has_its_length():
    assert silence(0.25, 24_000).shape == (6000,)
    assert silence(0.25, 24_000).dtype == np.float32
