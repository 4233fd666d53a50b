from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.system.espeak_library import WordEvent
from portevoix.system.words import Piece, WordCutter

RATE = 1000


def piece(samples, *words):
    return Piece(b"\1\0" * samples, tuple(WordEvent(*word) for word in words))


def cut(text, *pieces):
    cutter = WordCutter(text, RATE)
    return [found for piece in pieces for found in cutter.add(piece)] + list(cutter.end())


def words_in(text, cuts):
    return [text[mark.start : mark.end] for _, marks in cuts for mark in marks]


def test_a_word_leaves_when_the_next_begins():
    cuts = cut("un deux", piece(50, (0, 2, 0)), piece(50, (3, 4, 60)), piece(30))
    assert [len(pcm) // 2 for pcm, _ in cuts] == [60, 70]
    assert [(mark.start_seconds, mark.end_seconds) for _, marks in cuts for mark in marks] == [
        (0.0, 0.06),
        (0.06, 0.13),
    ]


def test_punctuation_belongs_to_the_word_before_it():
    text = "« Oui », dit-il !"
    cuts = cut(text, piece(90, (2, 3, 0), (9, 3, 30), (13, 2, 60)))
    assert words_in(text, cuts) == ["Oui »,", "dit-", "il !"]


def test_events_that_point_back_or_at_a_blank_or_outside_do_not_begin_a_word():
    text = "12,5 pour"
    cuts = cut(
        text,
        piece(100, (0, 4, 0), (1, 4, 20), (1, 4, 30), (4, 1, 40), (5, 4, 60), (5, 4, 70), (99, 1, 80), (-1, 1, 90)),
    )
    assert words_in(text, cuts) == ["12,5", "pour"]


def test_audio_of_a_very_long_word_leaves_before_its_end_is_known():
    pieces = [piece(100, (0, 5, 0)), *[piece(100)] * 20, piece(100, (6, 1, 2110))]
    cuts = cut("aaaaa b", *pieces)
    assert len(cuts) > 2
    ends = []
    for pcm, marks in cuts:
        ends.append((ends[-1] if ends else 0) + len(pcm) // 2)
        for mark in marks:
            assert mark.end_seconds * RATE == pytest.approx(ends[-1])


def test_no_event_gives_audio_without_marks():
    assert cut("?", piece(10)) == [(b"\1\0" * 10, ())]


@given(st.text("ab é😀,", min_size=1), st.data())
def test_nothing_is_lost_and_marks_never_come_late(text, data):
    lengths = data.draw(st.lists(st.integers(0, 700), max_size=12))
    total, pieces = 0, []
    for length in lengths:
        events = data.draw(st.lists(st.tuples(
            st.integers(-1, len(text) + 1), st.integers(0, 5), st.integers(total, total + length),
        ), max_size=3))  # fmt: skip
        pieces.append(piece(length, *sorted(events, key=lambda event: event[2])))
        total += length
    left, last_end, last_index = 0, 0.0, 0
    for pcm, marks in cut(text, *pieces):
        for mark in marks:
            assert 0 <= mark.start < mark.end <= len(text)
            assert last_index <= mark.start
            assert last_end <= mark.start_seconds <= mark.end_seconds
            assert mark.end_seconds * RATE >= left
            last_end, last_index = mark.end_seconds, mark.end
        left += len(pcm) // 2
    assert left == total
