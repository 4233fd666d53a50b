from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.audio import AudioChunk
from portevoix.cache.recording import Recording
from portevoix.errors import EmptyAudio
from tests.recordings import RATE, chunk, mark, recording, tone


def heard(kept, seconds_per_chunk=0.25):
    return np.concatenate([piece.samples for piece in kept.chunks(seconds_per_chunk)])


def test_what_comes_out_is_what_went_in_within_half_a_step():
    samples = tone(0.5)
    out = heard(Recording.from_chunks([AudioChunk(samples[:3000], RATE), AudioChunk(samples[3000:], RATE)]))
    assert out.dtype == np.float32
    assert np.abs(out - samples).max() <= 0.5 / 32767 + 1e-7


def test_keeping_twice_changes_nothing():
    once = recording()
    assert Recording.from_chunks(once.chunks()).samples == once.samples


def test_full_scale_is_cut_off_and_nan_is_silent():
    wild = np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5], np.float32)
    out = heard(Recording.from_chunks([AudioChunk(wild, RATE)]))
    assert out == pytest.approx([1, -1, 0, 1, -1, 0.5], abs=1e-4)


def test_no_chunks_are_no_recording():
    with pytest.raises(EmptyAudio):
        Recording.from_chunks([])


def test_sample_rates_are_not_mixed():
    with pytest.raises(ValueError, match="16000, 22050"):
        Recording.from_chunks([chunk(rate=16000), chunk(rate=22050)])


@pytest.mark.parametrize("seconds_per_chunk", [0.01, 0.1, 0.3, 5.0, 1e-9])
def test_pieces_have_their_length_and_the_last_the_rest(seconds_per_chunk):
    kept = recording(0.05 if seconds_per_chunk < 1e-3 else 1.0)
    pieces = list(kept.chunks(seconds_per_chunk))
    assert {len(piece.samples) for piece in pieces[:-1]} <= {max(1, round(seconds_per_chunk * RATE))}
    assert sum(len(piece.samples) for piece in pieces) * 2 == len(kept.samples)


def test_marks_come_with_the_piece_in_which_their_word_ends():
    marks = [mark(0.0, 0.05), mark(0.05, 0.1), mark(0.1, 0.15), mark(0.2, 9.0)]
    pieces = list(recording(0.3, marks=marks).chunks(0.1))
    assert [piece.marks for piece in pieces] == [tuple(marks[:2]), (marks[2],), (marks[3],)]


@pytest.mark.parametrize(("level", "is_audible"), [(0.0, False), (0.0009, False), (0.0012, True), (1.0, True)])
def test_audible_is_above_a_thousandth(level, is_audible):
    assert recording(level=level).is_audible is is_audible
    assert Recording.from_chunks([AudioChunk(-np.abs(tone(0.1, level)), RATE)]).is_audible is is_audible


def test_nothing_is_not_audible():
    assert not Recording(b"", RATE).is_audible
    assert list(Recording(b"", RATE).chunks()) == []


def test_size_follows_the_audio():
    assert recording(1.0).size_bytes - recording(0.5).size_bytes == RATE
    assert recording(marks=[mark(0, 1)]).size_bytes > recording().size_bytes
    spelled = replace(mark(0, 1), phonemes=(("a", 0.5), ("b", 1.0)))
    assert recording(marks=[spelled]).size_bytes > recording(marks=[mark(0, 1)]).size_bytes


def test_phonemes_come_back_as_they_were():
    kept = recording(marks=[replace(mark(0, 1), phonemes=(("a", 0.5), ("ɔ̃", 1.0)))])
    assert Recording.from_bytes(kept.to_bytes()) == kept
    assert recording(0.5).seconds == 0.5


marks = st.lists(st.builds(mark, st.floats(0, 9), st.floats(0, 9), st.integers(0, 99), st.integers(0, 99)), max_size=4)


@given(st.binary(max_size=400).map(lambda content: content[: len(content) // 2 * 2]), st.integers(1, 96000), marks)
def test_bytes_come_back_as_they_were(samples, sample_rate, marks):
    kept = Recording(samples, sample_rate, tuple(marks))
    assert Recording.from_bytes(kept.to_bytes()) == kept


@given(st.data())
def test_damage_is_found(data):
    content = recording(0.01, marks=[mark(0, 0.01)]).to_bytes()
    position = data.draw(st.integers(0, len(content) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = content[:position] + bytes([content[position] ^ flip]) + content[position + 1 :]
    assert Recording.from_bytes(damaged) is None
    assert Recording.from_bytes(content[:position]) is None
    assert Recording.from_bytes(content + b"x") is None


def test_another_version_is_not_read():
    from portevoix.cache import recording as module

    content = recording().to_bytes()
    body = content[:4] + b"\xfe\xff" + content[6 : -module._CHECKSUM_BYTES]
    assert Recording.from_bytes(body + module._checksum(body)) is None
