from __future__ import annotations

import json

import pytest

from portevoix import errors
from portevoix.rooms.wire import error_fields, error_from, mark_fields, marks_from, utterance_fields, utterance_from
from portevoix.speech import Utterance, Voice, WordMark


def through_json(value):
    return json.loads(json.dumps(value))


def test_an_utterance_comes_back_equal():
    voice = Voice("duo", "piper", "fr-FR", 22050, ("one", "two"), fingerprint="f")
    utterance = Utterance("Un été \ud800", voice, "fr", 1.5, "two", 7, 0.25, "r-1")
    assert utterance_from(through_json(utterance_fields(utterance))) == utterance


def test_marks_come_back_equal():
    marks = (WordMark(0, 2, 0.0, 0.1), WordMark(3, 9, 0.1, 0.75, phonemes=(("a", 0.5), ("ʁ", 0.75))))
    assert marks_from(through_json(mark_fields(marks))) == marks


@pytest.mark.parametrize("kind", [
    errors.EngineFailed, errors.EngineTimeout, errors.EngineUnavailable, errors.ModelMissing, errors.ModelBroken,
    errors.InvalidParameter, errors.VoiceNotFound, errors.LanguageNotSupported,
])  # fmt: skip
def test_an_error_comes_back_as_the_same_class(kind):
    error = error_from(through_json(error_fields(kind("what", "why", "hint"))))
    assert type(error) is kind
    assert (error.what, error.why, error.hint) == ("what", "why", "hint")


def test_a_foreign_error_is_an_engines_failure():
    error = error_from(error_fields(ZeroDivisionError("by nought")))
    assert type(error) is errors.EngineFailed
    assert error.why == "ZeroDivisionError: by nought"


def test_an_unknown_code_is_an_engines_failure():
    assert type(error_from({"code": "from_another_version", "what": "x"})) is errors.EngineFailed
