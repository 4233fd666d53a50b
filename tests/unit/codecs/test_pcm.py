from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portevoix.codecs import to_int16


@given(st.lists(st.integers(-32767, 32767), max_size=50))
def test_sixteen_bit_samples_come_back_as_themselves(values):
    floats = np.array(values, np.float32) / np.float32(32767)
    assert to_int16(floats).tolist() == values


def test_what_is_beyond_full_scale_is_clipped_not_wrapped():
    assert to_int16(np.array([1.0, 2.0, -1.0, -9.0], np.float32)).tolist() == [32767, 32767, -32767, -32767]


def test_values_are_rounded():
    assert to_int16(np.array([0.6, -0.6, 0.4], np.float32) / 32767).tolist() == [1, -1, 0]
