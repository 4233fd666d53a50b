from __future__ import annotations

import numpy as np

from portevoix.dsp import fade_in, fade_out, join
from tests.listening import clicks_at
from tests.signals import tone

HZ = 24_000
FADE = 120


def test_a_fade_in_rises_from_zero_and_then_leaves_the_samples_alone():
    samples = np.ones(1000, np.float32)
    faded = fade_in(samples, HZ)
    assert faded[0] == 0
    assert np.all(np.diff(faded[:FADE]) > 0)
    np.testing.assert_array_equal(faded[FADE:], samples[FADE:])
    assert np.all(samples == 1)


def test_a_fade_out_is_the_mirror_of_a_fade_in():
    samples = np.ones(1000, np.float32)
    np.testing.assert_array_equal(fade_out(samples, HZ), fade_in(samples, HZ)[::-1])


def test_the_powers_of_both_fades_add_up_to_one():
    samples = np.ones(FADE, np.float32)
    power = fade_in(samples, HZ)[1:] ** 2 + fade_out(samples, HZ)[:-1] ** 2
    np.testing.assert_allclose(power, 1, atol=1e-6)


def test_clips_shorter_than_the_fade_and_empty_ones_are_served():
    assert len(fade_in(np.zeros(0, np.float32), HZ)) == 0
    assert fade_out(np.ones(3, np.float32), HZ)[-1] == 0


def test_a_join_makes_no_step_and_keeps_every_sample():
    first, second = tone(200, 0.5, HZ), tone(330, 0.5, HZ) + np.float32(0.2)
    joined = join(first, second, HZ)
    assert len(joined) == len(first) + len(second)
    bare = np.concatenate([first, second])
    assert clicks_at([len(first)], bare, HZ)
    assert not clicks_at([len(first)], joined, HZ)
    assert np.max(np.abs(np.diff(joined[len(first) - FADE : len(first) + FADE]))) < 0.05
