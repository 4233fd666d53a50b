from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from portevoix.vits.level import KNEE, Level, gain_for, limited

SAMPLES = arrays(np.float32, st.integers(1, 200), elements=st.floats(-50, 50, width=32))


@given(SAMPLES)
def test_a_limited_sample_is_within_full_scale_and_keeps_its_sign(samples):
    heard = limited(samples)
    assert heard.dtype == np.float32
    assert np.abs(heard).max() <= 1.0
    assert np.array_equal(np.sign(heard), np.sign(samples))


@given(SAMPLES)
def test_what_is_not_loud_is_not_changed(samples):
    quiet = np.abs(samples) <= KNEE
    assert np.array_equal(limited(samples)[quiet], samples[quiet])


def test_louder_stays_louder():
    rising = np.linspace(0, 1.2, 2000, dtype=np.float32)
    assert (np.diff(limited(rising)) >= 0).all()


@given(SAMPLES, st.integers(0, 200))
def test_pieces_are_limited_as_the_whole_is(samples, cut):
    level = Level(1.7, is_limited=True)
    pieces = np.concatenate([level.applied(samples[:cut]), level.applied(samples[cut:])])
    assert np.array_equal(pieces, level.applied(samples))


def test_without_a_limiter_samples_are_clipped():
    assert Level(2.0).applied(np.array([0.25, 0.9, -3.0], np.float32)).tolist() == [0.5, 1.0, -1.0]


@pytest.mark.parametrize(
    ("peaks", "gain"), [([0.4], 2.0), ([0.1, 0.4, 0.9], 2.0), ([1e-9], 4.0), ([90.0], 0.25), ([0.0], 1.0), ([], 1.0)]
)
def test_the_gain_brings_the_middle_probe_to_its_peak(peaks, gain):
    assert gain_for(np.array([0.0, -peak]) for peak in peaks) == pytest.approx(gain)
