from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.cli.bench import rank, spread


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(1, 95, 1), (10, 50, 5), (10, 95, 10), (20, 95, 19), (100, 95, 95), (100, 50, 50)],
)
def test_percentiles_by_the_nearest_rank(count, percent, expected):
    assert rank(range(1, count + 1), percent) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_spread_is_in_order_and_was_measured(values):
    found = spread(values)
    assert found.min <= found.median <= found.p95 <= found.max
    assert {found.min, found.median, found.p95, found.max} <= set(values)


def test_no_values_have_no_spread():
    assert spread([]) is None
