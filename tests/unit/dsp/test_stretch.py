from __future__ import annotations

import numpy as np
import pytest

from portevoix.dsp import Stretcher, rms_dbfs
from portevoix.dsp.stretch import best_match
from tests.listening import complaints, dominant_hz
from tests.signals import babble, stream_through, tone

HZ = 22_050
SPEEDS = [0.25, 0.5, 0.8, 1.3, 2.0, 4.0]


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("hz", [80, 200, 410.7])
def test_the_pitch_stays_and_the_tone_stays_pure(speed, hz):
    out = stream_through(Stretcher(HZ, speed), tone(hz, 4, HZ), 1000)
    middle = out[HZ // 5 : -HZ // 5]
    assert dominant_hz(middle, HZ) == pytest.approx(hz, rel=0.005)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    peak = int(np.argmax(spectrum))
    assert spectrum[max(0, peak - 8) : peak + 9].sum() > 0.99 * spectrum.sum()


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("count", [0, 1, 300, 5000, 3 * HZ])
def test_the_length_is_divided_by_the_speed(speed, count):
    out = stream_through(Stretcher(HZ, speed), babble(3, HZ)[:count], 640)
    assert abs(len(out) - count / speed) <= 1
    assert out.dtype == np.float32


@pytest.mark.parametrize("speed", SPEEDS)
def test_level_and_peak_stay(speed):
    voice = babble(3, HZ)
    out = stream_through(Stretcher(HZ, speed), voice, 1000)
    assert rms_dbfs(out) == pytest.approx(rms_dbfs(voice), abs=0.7)
    assert np.max(np.abs(out)) <= 1.05 * np.max(np.abs(voice))


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.3, 2.0])
def test_a_voice_remains_a_voice(speed):
    assert complaints(stream_through(Stretcher(HZ, speed), babble(3, HZ), 1000), HZ) == []


@pytest.mark.parametrize("speed", SPEEDS)
def test_events_are_where_the_speed_puts_them(speed):
    samples = np.zeros(4 * HZ, np.float32)
    samples[3 * HZ : 3 * HZ + 2000] = tone(300, 1, HZ)[:2000]
    out = stream_through(Stretcher(HZ, speed), samples, 1000)
    heard = np.flatnonzero(np.abs(out) > 0.05)
    assert heard[0] / HZ == pytest.approx(3 / speed, abs=0.025 / speed + 0.016)


@pytest.mark.parametrize("speed", SPEEDS)
def test_cutting_changes_nothing(speed):
    voice = babble(1, HZ)
    whole = stream_through(Stretcher(HZ, speed), voice, len(voice))
    for size in (1, 97, 3000):
        np.testing.assert_array_equal(stream_through(Stretcher(HZ, speed), voice, size), whole)


def test_it_streams():
    stretcher = Stretcher(HZ, 0.8)
    assert len(stretcher.push(babble(0.1, HZ))) > 0.03 * HZ


def test_normal_speed_hands_back_the_same_array():
    stretcher, voice = Stretcher(HZ, 1.0), babble(0.1, HZ)
    assert stretcher.push(voice) is voice
    assert len(stretcher.flush()) == 0


def test_silence_stays_silence():
    assert not stream_through(Stretcher(HZ, 0.7), np.zeros(HZ, np.float32), 500).any()


def test_a_flushed_stream_starts_afresh():
    stretcher, voice = Stretcher(HZ, 1.5), babble(0.5, HZ)
    first = stream_through(stretcher, voice, 500)
    np.testing.assert_array_equal(stream_through(stretcher, voice, 500), first)


@pytest.mark.parametrize("speed", [0.2, 4.1, 0, -1, float("nan")])
def test_other_speeds_are_refused(speed):
    with pytest.raises(ValueError, match="speed"):
        Stretcher(HZ, speed)


def test_the_best_match_is_where_the_model_was_cut():
    area = babble(0.1, HZ)
    assert best_match(area, area[333:1000]) == 333
