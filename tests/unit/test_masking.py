from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from portevoix.errors import EngineFailed
from portevoix.level import Level
from portevoix.level_settings import LevelSettings
from portevoix.masking import MASK, WORD, masked
from portevoix.speech import Utterance
from tests.scripted import ScriptedEngine

TEXT = "Le téléphone de Zibeline sonne à 12 h 30."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cannot say 'Zibeline'", f"cannot say '{MASK}'"),
        ("cannot say 'ZIBELINE'", f"cannot say '{MASK}'"),
        ("token ▁zibelines missing", f"token ▁{MASK}s missing"),
        ("a file is missing", "a file is missing"),
        ("at 12 or 30", f"at {MASK} or {MASK}"),
        ("1200 bytes", "1200 bytes"),
        ("", ""),
    ],
)
def test_words_of_the_text_are_taken_out_and_no_others(words, expected):
    assert masked(words, TEXT) == expected


def test_a_word_that_is_written_with_escapes_is_found_by_its_plain_parts():
    assert "phone" not in masked(json.dumps(TEXT), TEXT)


def test_nothing_to_hide_changes_nothing():
    assert masked("all of it") == "all of it"
    assert masked("all of it", "", "…!") == "all of it"


@given(some.text(), some.lists(some.text(), max_size=3))
def test_no_word_of_a_text_is_left(frame, texts):
    told = masked(f"{frame} {' '.join(texts)} {frame}", *texts)
    left = {word for word in WORD.findall(told) if len(word) >= 4}
    assert not left & {word for text in texts for word in WORD.findall(text)}


class Quoting(ScriptedEngine):
    """Fail as libraries do: with what they were given."""

    async def stream(self, utterance):
        raise LookupError(f"no token in {utterance.text!r}")
        yield


async def test_an_engine_that_fails_with_the_text_is_told_of_without_it():
    engine = Quoting("a")
    level = Level(engine, LevelSettings())
    with pytest.raises(EngineFailed) as failure:
        async for _ in level.stream(Utterance(TEXT, engine.voices()[0], "fr")):
            pass
    assert "LookupError: no token in" in failure.value.why
    assert "Zibeline" not in failure.value.why
