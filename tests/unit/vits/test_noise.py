from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portevoix.vits.noise import Noise


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 2**64 - 1))
def test_any_range_is_part_of_the_whole(first, length, seed):
    noise = Noise(seed)
    whole = noise.for_frames(0, 600, 5)
    assert np.array_equal(noise.for_frames(first, first + length, 5), whole[:, first : first + length])


def test_ids_and_frames_and_seeds_draw_apart():
    drawn = [Noise(1).for_ids(0, 50), Noise(1).for_frames(0, 50, 2), Noise(2).for_ids(0, 50), Noise(-1).for_ids(0, 50)]
    assert len({array.tobytes() for array in drawn}) == 4


def test_blocks_do_not_repeat():
    drawn = Noise(3).for_frames(0, 640, 1)[0]
    assert len(set(drawn.tolist())) > 630


def test_is_standard_normal():
    drawn = Noise(0).for_frames(0, 4000, 20)
    assert drawn.dtype == np.float32
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02
    assert abs(np.corrcoef(drawn[0, :-64], drawn[0, 64:])[0, 1]) < 0.05


def test_is_the_same_on_every_machine():
    """These numbers are part of what a seed means: a change of them changes every cached sentence."""
    assert np.allclose(
        Noise(7).for_frames(63, 66, 2),
        [
            [-0.18850000202655792, 0.2953999936580658, -0.25380000472068787],
            [-0.41819998621940613, -0.8345000147819519, -1.139299988746643],
        ],
        atol=1e-3,
    )
