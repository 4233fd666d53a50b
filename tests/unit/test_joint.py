from __future__ import annotations

import numpy as np
import pytest

from portevoix.audio import AudioChunk
from portevoix.joint import Joint
from portevoix.speech import Source

RATE = 16_000
LARGEST_STEP = 0.25
"""The tone's own is 0.14; a resampler rings a little where its attempt ends. A joint without care makes 1.6."""


def tone(seconds: float, sample_rate: int = RATE, hz: float = 440.0, phase: float = np.pi / 2) -> np.ndarray:
    """Return a tone that begins, and may end, far from zero."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.8 * np.sin(2 * np.pi * hz * times + phase)).astype(np.float32)


def joined(attempts: list[tuple[str, int, np.ndarray]], chunk_samples: int = 700) -> np.ndarray:
    """Return what comes out of attempts by an engine at a rate, each with a source of its own."""
    joint, out = Joint(attempts[0][1]), []
    for engine, sample_rate, samples in attempts:
        source = Source(engine, f"{engine}-fr")
        for begin in range(0, len(samples), chunk_samples):
            piece = samples[begin : begin + chunk_samples]
            out += [chunk.samples for chunk in joint.push(AudioChunk(piece, sample_rate, source=source))]
    return np.concatenate([*out, *(chunk.samples for chunk in joint.flush())])


@pytest.mark.parametrize("second", ["a", "b"])
@pytest.mark.parametrize("sample_rate", [RATE, 22_050])
def test_no_attempt_ends_in_a_click_whoever_goes_on(second: str, sample_rate: int) -> None:
    """A voice that broke off and is asked again makes a joint like another one."""
    rest = ("b", sample_rate, np.zeros(round(0.2 * sample_rate), np.float32))
    cut = tone(0.2, sample_rate)
    samples = joined([("a", RATE, tone(0.2)), (second, sample_rate, cut), (second, sample_rate, -cut), rest])
    assert np.abs(np.diff(samples)).max() < LARGEST_STEP


def test_each_attempt_has_a_resampler_of_its_own() -> None:
    """What an attempt sounds like does not depend on what was cut off before it."""
    voice = tone(0.3, 22_050, 300, phase=0.0)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 2205).astype(np.float32)
    noise[-100:] = 0.0
    begin = ("a", RATE, np.zeros(1600, np.float32))
    alone = joined([begin, ("b", 22_050, voice)])
    after = joined([begin, ("b", 22_050, noise), ("b", 22_050, voice)])
    assert len(after) - len(alone) == pytest.approx(len(noise) * RATE / 22_050, abs=2)
    assert np.allclose(after[-len(alone) + 1600 :], alone[1600:], atol=1e-4)


def test_nothing_of_an_attempt_is_lost_where_the_next_begins() -> None:
    lengths = [("a", RATE, 1600), ("b", 22_050, 2205), ("b", 22_050, 2205), ("c", 48_000, 4800), ("a", RATE, 1600)]
    samples = joined([(name, rate, tone(count / rate, rate)) for name, rate, count in lengths])
    assert len(samples) == pytest.approx(5 * 1600, abs=4)


def test_one_attempt_passes_as_it_is() -> None:
    voice = tone(0.3)
    assert np.array_equal(joined([("a", RATE, voice)]), voice)
