from __future__ import annotations

import re

import pytest

from portevoix.text.respelling import Respelling


def test_replacements_follow_one_another():
    respell = Respelling([(r"\bDr\.", "Doctor"), (r"(\w+)@home", r"\1 at home"), ("Doctor", "Docteur")])
    assert respell("Dr. Who is sam@home") == "Docteur Who is sam at home"


def test_without_any_a_text_stays():
    assert Respelling()("a — b") == "a — b"


def test_what_cannot_be_read_is_refused():
    with pytest.raises(re.error):
        Respelling([("(", "x")])
