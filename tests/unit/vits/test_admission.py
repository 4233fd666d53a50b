from __future__ import annotations

import pytest

from portevoix.errors import Overloaded
from portevoix.vits.admission import Admissions


def test_admits_anybody_before_anything_is_measured():
    admissions = Admissions(workers=1)
    for _ in range(100):
        admissions.admit("voice")


def test_admits_as_many_as_keep_real_time():
    admissions = Admissions(workers=2, utilisation=0.9)
    admissions.measured("voice", work_seconds=3.0, audio_seconds=10.0)
    for _ in range(6):
        admissions.admit("voice")
    with pytest.raises(Overloaded) as refusal:
        admissions.admit("voice")
    assert refusal.value.retry_after_seconds >= 1
    assert "6" in refusal.value.why


def test_one_listener_is_always_admitted():
    admissions = Admissions(workers=1)
    admissions.measured("slow", work_seconds=50.0, audio_seconds=1.0)
    with admissions.admit("slow"), pytest.raises(Overloaded):
        admissions.admit("slow")


def test_who_leaves_makes_room():
    admissions = Admissions(workers=1)
    admissions.measured("voice", work_seconds=0.8, audio_seconds=1.0)
    first = admissions.admit("voice")
    first.close()
    first.close()
    with admissions.admit("voice"):
        pass
    admissions.admit("voice")


def test_voices_are_measured_apart():
    admissions = Admissions(workers=1)
    admissions.measured("heavy", work_seconds=0.6, audio_seconds=1.0)
    admissions.measured("light", work_seconds=0.1, audio_seconds=1.0)
    admissions.admit("heavy")
    admissions.admit("light")
    with pytest.raises(Overloaded):
        admissions.admit("heavy")


def test_one_slow_sentence_does_not_decide():
    admissions = Admissions(workers=1)
    admissions.measured("voice", 0.1, 1.0)
    admissions.measured("voice", 1.0, 1.0)
    for _ in range(3):
        admissions.admit("voice")


def test_silence_teaches_nothing():
    admissions = Admissions(workers=1)
    admissions.measured("voice", 1.0, 0.0)
    admissions.admit("voice")
    admissions.admit("voice")
