from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portevoix.codecs import FORMATS, encoder
from tests.signals import babble

RATE = 22_050
VOICE = {RATE: babble(0.4, RATE), 24_000: babble(0.4, 24_000)}


def encoded(name: str, rate: int, borders: list[int]) -> bytes:
    stream, voice = encoder(name, rate), VOICE[rate]
    edges = [0, *sorted(borders), len(voice)]
    pieces = [stream.encode(voice[start:end]) for start, end in pairwise(edges)]
    return b"".join(pieces) + stream.finish()


@pytest.mark.parametrize("rate", VOICE)
@pytest.mark.parametrize("name", FORMATS)
def test_the_bytes_do_not_depend_on_the_chunks(name, rate):
    whole = encoded(name, rate, [])

    @settings(max_examples=15)
    @given(st.lists(st.integers(0, len(VOICE[rate])), max_size=40))
    def holds(borders: list[int]) -> None:
        assert encoded(name, rate, borders) == whole

    holds()


@pytest.mark.parametrize("name", FORMATS)
def test_single_samples_give_the_same_bytes_too(name):
    assert encoded(name, RATE, list(range(2000))) == encoded(name, RATE, [])
