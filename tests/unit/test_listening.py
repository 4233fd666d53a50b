from __future__ import annotations

import numpy as np
import pytest

from tests.listening import clicks_at, complaints, dominant_hz
from tests.signals import babble, tone

HZ = 22_050


def noise(count: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(5).standard_normal(count)).astype(np.float32)


def swapped(samples: np.ndarray) -> np.ndarray:
    return (samples * 32767).astype("<i2").byteswap().astype(np.float32) / 32768


def holed(samples: np.ndarray) -> np.ndarray:
    middle = len(samples) // 2
    return np.concatenate([samples[:middle], np.zeros(HZ, np.float32), samples[middle:]])


DAMAGES = {
    "silence": np.zeros_like,
    "nothing": lambda samples: samples[:0],
    "noise": lambda samples: noise(len(samples)),
    "hiss over it": lambda samples: samples + noise(len(samples)),
    "bytes swapped": swapped,
    "clipped": lambda samples: np.clip(samples * 10, -1, 1),
    "far too quiet": lambda samples: samples * 0.003,
    "offset": lambda samples: samples + 0.05,
    "a hole": holed,
    "a hum": lambda samples: tone(100, 2, HZ),
    "NaN": lambda samples: np.where(np.arange(len(samples)) == 99, np.nan, samples),
}


def test_a_voice_gives_no_cause_for_complaint():
    assert complaints(babble(2, HZ), HZ, letters=25) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_heard(damage):
    assert complaints(DAMAGES[damage](babble(2, HZ)).astype(np.float32), HZ)


def test_a_length_that_does_not_fit_the_text_is_heard():
    assert complaints(babble(2, HZ), HZ, letters=2)
    assert complaints(babble(2, HZ), HZ, letters=200)


def test_a_tone_is_placed_within_a_tenth_of_a_hertz():
    assert dominant_hz(tone(440.3, 1, HZ), HZ) == pytest.approx(440.3, abs=0.1)


def test_a_step_at_a_join_clicks_and_a_smooth_place_does_not():
    voice = babble(2, HZ)
    stepped = voice.copy()
    stepped[20_000:] += 0.1
    assert clicks_at([20_000], voice, HZ) == []
    assert clicks_at([20_000], stepped, HZ) == [20_000]
