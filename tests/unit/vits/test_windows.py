from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.vits.windows import Window, Windows


def test_a_usual_sentence_is_encoded_once():
    assert Windows().over([1] * 256) == (Window(0, 256, 0, 256),)


def test_a_long_one_is_encoded_whole_but_for_its_beginning():
    assert Windows().over([1] * 700) == (Window(0, 64, 0, 160), Window(64, 700, 0, 700))


def test_the_beginning_ends_at_a_break_when_one_is_near():
    ids = [1] * 700
    ids[20] = ids[45] = ids[90] = 8
    assert Windows().over(ids, {8})[0] == Window(0, 46, 0, 142)
    ids[45] = 1
    assert Windows().over(ids, {8})[0] == Window(0, 64, 0, 160)


@pytest.mark.parametrize("count", [768, 769, 20_000])
def test_an_enormous_one_is_never_encoded_whole(count):
    windows = Windows().over([1] * count)
    assert max(window.context_last - window.context_first for window in windows) <= 768


@given(st.lists(st.integers(0, 9), min_size=1, max_size=900), st.integers(40, 300), st.integers(300, 500))
def test_each_id_is_spoken_for_once(ids, whole, longest):
    windows = Windows(whole=max(whole, 160), longest=longest).over(ids, {8})
    assert [number for window in windows for number in range(window.first, window.last)] == list(range(len(ids)))
    assert all(0 <= w.context_first <= w.first < w.last <= w.context_last <= len(ids) for w in windows)
