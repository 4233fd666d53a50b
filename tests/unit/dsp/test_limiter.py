from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portevoix.dsp import Limiter
from portevoix.dsp.limiter import CEILING
from tests.listening import clicks_at, clipped_share
from tests.signals import babble, stream_through, tone

HZ = 22_050


def test_below_the_ceiling_nothing_changes():
    voice = babble(1, HZ, level=0.89)
    np.testing.assert_array_equal(stream_through(Limiter(HZ), voice, 777), voice)


@pytest.mark.parametrize("gain", [1.5, 3, 20])
def test_no_peak_passes_the_ceiling(gain):
    voice = babble(1, HZ, level=1.0) * np.float32(gain)
    limited = stream_through(Limiter(HZ), voice, 777)
    assert len(limited) == len(voice)
    assert np.max(np.abs(limited)) <= np.float32(CEILING)


def test_the_gain_is_down_in_time_so_that_nothing_is_cut_flat():
    onset = np.concatenate([np.zeros(1000, np.float32), tone(150, 0.5, HZ, level=3)])
    assert clipped_share(np.clip(onset, -CEILING, CEILING)) > 0.1
    assert clipped_share(stream_through(Limiter(HZ), onset, 777)) == 0


def test_a_single_peak_bends_its_surroundings_without_a_click():
    voice = babble(3, HZ, level=0.3)
    voice[20_000] = 1.8
    limited = stream_through(Limiter(HZ), voice, 777)
    touched = np.flatnonzero(limited != voice)
    assert touched[0] >= 20_000 - 0.005 * HZ
    assert touched[-1] <= 20_000 + HZ
    gain = limited[20_000 - 200 : 20_000] / np.where(voice[19_800:20_000] == 0, 1, voice[19_800:20_000])
    assert np.max(np.abs(np.diff(gain))) < 0.02
    assert not clicks_at([20_000 - 200, touched[-1]], limited, HZ)


def test_it_holds_back_no_more_than_five_milliseconds():
    assert len(Limiter(HZ).push(np.zeros(HZ, np.float32))) >= HZ - 0.005 * HZ


@settings(deadline=None, max_examples=30)
@given(size=st.integers(1, 3000), gain=st.floats(0.5, 8))
def test_cutting_changes_nothing(size, gain):
    voice = babble(0.2, HZ, level=1.0) * np.float32(gain)
    np.testing.assert_array_equal(
        stream_through(Limiter(HZ), voice, size), stream_through(Limiter(HZ), voice, len(voice))
    )


def test_a_broken_sample_does_not_spoil_those_after_it():
    voice = babble(2, HZ)
    broken = voice.copy()
    broken[100] = np.nan
    broken[200] = np.inf
    limited = stream_through(Limiter(HZ), broken, 500)
    np.testing.assert_array_equal(limited[HZ:], voice[HZ:])


def test_a_flushed_limiter_starts_afresh():
    limiter, voice = Limiter(HZ), babble(0.3, HZ, level=3)
    first = stream_through(limiter, voice, 500)
    np.testing.assert_array_equal(stream_through(limiter, voice, 500), first)
    assert len(limiter.flush()) == 0


@pytest.mark.parametrize(("rate", "ceiling"), [(0, 0.9), (HZ, 0)])
def test_rate_and_ceiling_are_positive(rate, ceiling):
    with pytest.raises(ValueError, match="positive"):
        Limiter(rate, ceiling)
