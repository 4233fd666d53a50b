from __future__ import annotations

import pytest

from portevoix.text.graphemes import is_joined


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("e", "\u0301"),
        ("\r", "\n"),
        ("\ud83d", "\ude00"),
        ("\U0001f44d", "\U0001f3fd"),
        ("\U0001f468", "\u200d"),
        ("\u200d", "\U0001f469"),
        ("\U0001f1eb", "\U0001f1f7"),
        ("\u094d", "ष"),
        ("\u1112", "\u1161"),
        ("가", "\u11a8"),
        ("\U0001f3f4", "\U000e0067"),
    ],
)
def test_parts_of_one_visible_character_hold_together(before: str, after: str) -> None:
    assert is_joined(before + after, 1)


@pytest.mark.parametrize(
    "text", ["ab", "\n\r", "\ude00\ud83d", "가가", "\U0001f600\U0001f600", "中文", "éé", "\U0001f1ebz"]
)
def test_characters_of_their_own_do_not(text: str) -> None:
    assert not is_joined(text, 1)


def test_flags_are_pairs_and_ends_are_free() -> None:
    flags = "\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea"
    assert [is_joined(flags, index) for index in range(5)] == [False, True, False, True, False]
