from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portevoix.resume import unsaid_from
from portevoix.speech import WordMark
from portevoix.text.speakable import word_spans

TEXT = "Un deux, trois ! Quatre cinq."


def marks(text: str, seconds: float = 0.5) -> list[WordMark]:
    return [
        WordMark(start, end, index * seconds, (index + 1) * seconds)
        for index, (start, end) in enumerate(word_spans(text))
    ]


def test_nothing_heard_begins_at_the_first_word() -> None:
    assert unsaid_from(TEXT, marks(TEXT), 0.0) == 0


def test_goes_on_after_the_last_whole_word() -> None:
    assert TEXT[unsaid_from(TEXT, marks(TEXT), 1.0) :] == "trois ! Quatre cinq."


def test_a_word_cut_in_its_middle_is_said_again() -> None:
    assert TEXT[unsaid_from(TEXT, marks(TEXT), 1.3) :] == "trois ! Quatre cinq."


def test_all_heard_leaves_nothing() -> None:
    assert unsaid_from(TEXT, marks(TEXT), 2.5) == len(TEXT)


def test_a_mark_that_spans_two_words_counts_for_both() -> None:
    merged = [WordMark(0, 7, 0.0, 1.0), WordMark(9, 14, 1.0, 1.5)]
    assert TEXT[unsaid_from(TEXT, merged, 1.0) :].startswith("trois")


def test_without_marks_it_is_estimated_and_loses_nothing() -> None:
    assert unsaid_from(TEXT, [], 0.0) == 0
    assert unsaid_from(TEXT, [], 1000.0) == len(TEXT)
    middle = unsaid_from(TEXT, [], 0.8)
    assert 0 < middle < len(TEXT)
    assert middle in [start for start, _ in word_spans(TEXT)]


@given(st.text(alphabet="abc é',.- ", min_size=1, max_size=60), st.integers(0, 20))
def test_said_and_unsaid_together_are_all_words(text: str, said: int) -> None:
    spans = word_spans(text)
    place = unsaid_from(text, marks(text), min(said, len(spans)) * 0.5)
    assert [text[start:end] for start, end in spans][min(said, len(spans)) :] == [
        text[place:][start:end] for start, end in word_spans(text[place:])
    ]
