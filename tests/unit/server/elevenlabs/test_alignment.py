from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portevoix.server.elevenlabs.alignment import Aligner
from portevoix.speech import WordMark

ONE = WordMark(0, 3, 0.1, 0.4, "one")
TWO = WordMark(4, 7, 0.5, 0.8, "two")


def taken(aligner: Aligner, *marks: WordMark) -> dict | None:
    aligner.add(marks)
    found = aligner.take()
    return found and found.in_milliseconds()


def test_characters_are_spread_over_their_words() -> None:
    assert taken(Aligner(is_absolute=True), ONE, TWO) == {
        "chars": list("one two "),
        "charStartTimesMs": [100, 200, 300, 400, 500, 600, 700, 800],
        "charDurationsMs": [100, 100, 100, 100, 100, 100, 100, 0],
    }


def test_seconds_tell_the_same() -> None:
    aligner = Aligner(is_absolute=True)
    aligner.add([ONE, TWO])
    assert aligner.take().in_seconds() == {
        "characters": list("one two "),
        "character_start_times_seconds": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        "character_end_times_seconds": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.8],
    }


def test_times_count_from_the_last_alignment_or_from_the_beginning() -> None:
    relative, absolute = Aligner(is_absolute=False), Aligner(is_absolute=True)
    assert [taken(aligner, ONE)["charStartTimesMs"] for aligner in (relative, absolute)] == [[100, 200, 300, 400]] * 2
    assert taken(relative, TWO)["charStartTimesMs"] == [100, 200, 300, 400]
    assert taken(absolute, TWO)["charStartTimesMs"] == [500, 600, 700, 800]


def test_words_that_touch_have_no_space_between() -> None:
    parts = taken(Aligner(is_absolute=True), WordMark(0, 2, 0, 0.1, "l'"), WordMark(2, 5, 0.1, 0.2, "eau"))
    assert "".join(parts["chars"]) == "l'eau "


def test_nothing_new_is_nothing() -> None:
    aligner = Aligner(is_absolute=False)
    assert aligner.take() is None
    aligner.add([ONE])
    assert aligner.take()
    assert aligner.take() is None


spoken = st.tuples(st.floats(0, 100), st.floats(0, 5), st.text(min_size=1, max_size=9))
times = st.lists(spoken, min_size=1, max_size=20)


@given(times, st.lists(st.integers(1, 5)), st.booleans())
def test_spans_add_up_however_messages_are_cut(words, cuts, is_absolute) -> None:
    marks, character = [], 0
    for start, length, text in words:
        marks.append(WordMark(character, character + len(text), start, start + length, text))
        character += len(text) + 1
    aligner, clock, starts, letters = Aligner(is_absolute=is_absolute), 0, [], []
    parts = [marks[:1], marks[1 : 1 + len(cuts)], marks[1 + len(cuts) :]]
    for part in parts:
        if (found := taken(aligner, *part)) is None:
            continue
        base = 0 if is_absolute else clock
        letters += found["chars"]
        starts += [base + start for start in found["charStartTimesMs"]]
        assert all(duration >= 0 for duration in found["charDurationsMs"])
        clock = base + found["charStartTimesMs"][-1] + found["charDurationsMs"][-1]
        assert clock == starts[-1]
    assert "".join(letters) == "".join(f"{text} " for _, _, text in words)
    assert starts == sorted(starts)
