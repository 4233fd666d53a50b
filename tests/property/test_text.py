"""What holds for every text, however odd."""

from __future__ import annotations

import math
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portevoix.text.graphemes import is_joined
from portevoix.text.language import guess_language
from portevoix.text.sanitize import sanitize
from portevoix.text.sentences import LEAST_CAP, SentenceSplitter, split
from portevoix.text.speakable import LONGEST_SECONDS, estimate_seconds, is_speakable, word_spans

MARKUP = [
    *"*_`~#>|[]()<>&!?.…-+=:;\\/@\"'«»• \n\r\t\0\x1b",
    *"\u200d\u200c\ufeff\ud83d\udc00\u0301\u0316\u20e3\ufe0f\U0001f1eb\U0001f600\U0001f3fd\ufffc。！\u094d\uac00\u1100\u11a8\u202f\u00a0",
    *"aéM1z3Xأक中",
    *(
        "**",
        "__",
        "```",
        "---",
        "](",
        "![",
        "http://",
        "www.",
        "mailto:",
        "&amp;",
        "&lt;",
        "&#42;",
        "&",
        "<b>",
        "</b>",
        "<!--",
    ),
    *(
        "-->",
        "<script>",
        "</script>",
        "<p>",
        '<img alt="x">',
        "M. ",
        "etc. ",
        "U.S. ",
        "p. ex. ",
        "1. ",
        "3.14",
        "\r\n",
        "\n\n",
    ),
    *("« ", " »", ". ", "? ", "… ", "- ", "# ", "| ", "word", "The ", "mot", "12", "[1]", "[^1]", "a.b"),
]
texts = st.one_of(st.text(st.characters()), st.lists(st.sampled_from(MARKUP), max_size=40).map("".join))
words = st.text("abcdefghijklmnopqrstuvwyzàéèêëïôùûçœÉÀABCDE0123456789", min_size=1, max_size=8)
separators = st.sampled_from(
    [
        " ",
        ", ",
        ". ",
        " * ",
        "_",
        " < ",
        " > ",
        " & ",
        "'",
        "’",
        "\u202f! ",
        " ? ",
        "« ",
        " » ",
        "-",
        " - ",
        " / ",
        "* ",
        " (",
        ") ",
    ]
)
prose = st.lists(st.tuples(words, separators), min_size=1, max_size=12).map(
    lambda parts: "".join(word + separator for word, separator in parts)
)


def visible(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


@given(texts)
@example("&am&amp;p;lt;b&amp;gt;")
@example("[[[a](b)](c)](d)")
@example("&#38;#38;#38;#38;#38;#38;#38;#38;lt;")
@example("ht<b></b>tp://a.b/c")
@example("**_`**x**`_**")
@example("w\u200bww.a.b")
@example("\u0627\u200d\u200c\u0627")
@example("# - > # - x")
def test_sanitising_twice_changes_nothing(text: str) -> None:
    once = sanitize(text)
    assert sanitize(once) == once


@given(prose)
@example("2 * 3 * 4 ")
@example("2*3*4 ")
@example("2 *3 et 4* 5 ")
@example("snake_case et __init__ ")
@example("a < b et c > d ")
@example("C# et F# ")
@example("prix* : 3 € ")
@example("l'été, « déjà »\u202f! ")
@example("x <b et c> y ")
@example("R&D, AT&T; ")
@example("tab[i](x) ")
@example("[1][2] ")
def test_prose_keeps_its_letters_and_digits(text: str) -> None:
    assert visible(sanitize(text)) == visible(unicodedata.normalize("NFC", text))


@given(texts)
def test_sanitised_text_holds_only_what_a_voice_can_meet(text: str) -> None:
    clean = sanitize(text)
    assert clean == clean.strip()
    assert unicodedata.is_normalized("NFC", clean)
    assert {unicodedata.category(character) for character in clean.replace("\n", "")}.isdisjoint(
        {"Cc", "Cs", "Co", "Cn"}
    )
    assert all(character in " \n" for character in clean if character.isspace())


@given(texts)
def test_sanitising_agrees_about_what_is_speakable(text: str) -> None:
    assert is_speakable(text) == is_speakable(sanitize(text)) == bool(visible(sanitize(text)))


def deliver(text: str, cuts: list[int], cap: int) -> list[str]:
    splitter = SentenceSplitter(cap)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [piece for first, last in pairwise(edges) for piece in splitter.feed(text[first:last])]
    return pieces + splitter.finish()


@given(texts, st.lists(st.integers(0, 10_000), max_size=20), st.integers(LEAST_CAP, 60))
@example("M. Dupont.\r\n\r\nOui. « Non. » Si.", [12, 13, 14], 400)
@example("en 3.14 ou U.S. Then etc. Il", list(range(28)), 400)
@example("1. Un\n2. Deux\n- Trois", list(range(21)), 400)
@example("0123456789abcde.\r\nX", [17], LEAST_CAP)
def test_pieces_are_the_text_however_it_arrives(text: str, cuts: list[int], cap: int) -> None:
    pieces = deliver(text, cuts, cap)
    assert "".join(pieces) == text
    assert pieces == split(text, cap)
    assert all(0 < len(piece) <= cap for piece in pieces)


@given(texts, st.integers(LEAST_CAP, 60))
@example("a" * 15 + "e\u0301" * 9, LEAST_CAP)
@example("\U0001f1eb\U0001f1f7" * 30, LEAST_CAP + 1)
@example("a" * 15 + "\ud83d\ude00" * 9, LEAST_CAP)
def test_one_character_at_a_time_gives_the_same_pieces(text: str, cap: int) -> None:
    assert deliver(text, list(range(len(text))), cap) == split(text, cap)


@given(
    st.lists(
        st.sampled_from(["a", "é", "e\u0301", "\U0001f1eb\U0001f1f7", "\U0001f44d\U0001f3fd", "\ud83d\ude00", "क्ष"])
    )
)
def test_a_word_is_never_cut_inside_a_visible_character(characters: list[str]) -> None:
    text = "".join(characters)
    end = 0
    for piece in split(text, LEAST_CAP)[:-1]:
        end += len(piece)
        assert not is_joined(text, end)


@given(texts)
@example("don't, rendez-vous. 3,14")
@example("नमस्ते दुनिया")
@example("カ・メ\U0003134b")
@example("中文abc中")
def test_words_are_in_order_and_hold_every_letter(text: str) -> None:
    spans = word_spans(text)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(visible(text[start:end]) for start, end in spans)
    assert visible("".join(text[start:end] for start, end in spans)) == visible(text)


@given(texts, st.floats(0.01, 100))
def test_an_estimate_is_bounded_and_shrinks_with_speed(text: str, speed: float) -> None:
    seconds = estimate_seconds(text, speed)
    assert 0 <= seconds <= LONGEST_SECONDS
    assert (seconds > 0) == bool(visible(text))
    assert estimate_seconds(text, speed * 2) <= seconds


@pytest.mark.parametrize("speed", [0, -1, math.nan, math.inf])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        estimate_seconds("Bonjour", speed)


@given(texts, st.lists(st.sampled_from(["fr", "en", "ru", "zh", "xx"])), st.sampled_from(["fr", "de"]))
def test_a_guess_is_a_candidate_or_the_default(text: str, candidates: list[str], default: str) -> None:
    assert guess_language(text, candidates, default) in {*candidates, default}
