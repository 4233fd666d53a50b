from __future__ import annotations

import pytest

from portevoix.translate.layout import clean, take_apart


def sentences(text):
    return [part.text for part in take_apart(text) if part.is_sentence]


def whole(text):
    return "".join(part.text for part in take_apart(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How are you?", ["Hello.", "How are you?"]),
        ("Hello.\n\n  World", ["Hello.", "World"]),
        ("# A title\n\n- one thing\n- [x] done\n1. first", ["A title", "one thing", "done", "first"]),
        ("> quoted words\n>> twice", ["quoted words", "twice"]),
        ("```\nlet x = 1\n```\nAfter", ["After"]),
        ("| Name | Age |\n|---|---|\n| Bob | 3 |", ["Name", "Age", "Bob"]),
        ("one line\r\nanother", ["one line", "another"]),
        ("42\n😀\nhttps://a.example", []),
        ("Mr. Smith went home. He slept.", ["Mr. Smith went home.", "He slept."]),
    ],
)
def test_sentences_are_found(text, expected):
    assert sentences(text) == expected
    assert whole(text) == text


def test_a_long_sentence_is_cut():
    text = "word " * 400
    assert max(map(len, sentences(text))) <= 400
    assert whole(text) == text


def test_control_characters_go_and_line_breaks_stay():
    assert clean("a\0b\x1b[1m\tc\r\n\x07d\ud800") == "ab[1m\tc\r\nd"


def test_an_open_fence_keeps_the_rest():
    assert sentences("Hello\n~~~\ncode here") == ["Hello"]
