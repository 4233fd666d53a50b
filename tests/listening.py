"""Ears for tests: is a clip plausible speech, and is there a click at a known join?

The limits were set on 38 clips of two synthesisers, French and English: none of them trips one, and each of them does
when it is silenced, drowned in noise, byte-swapped, clipped, turned far down, offset, or given a hole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

FRAME_SECONDS = 0.02
ACTIVE_BELOW_PEAK_DB = 35.0
"""A frame is active when it is within this of the clip's loud frames."""

FLOOR_DBFS = -120.0

CLICK_RATIO = 5.0
"""Above this a join clicks."""

INAUDIBLE_RESIDUAL = 1e-3
"""-60 dB of full scale; without it a kink in a perfect sine, which nobody hears, would count."""


@dataclass(frozen=True, slots=True)
class SpeechFacts:
    """What can be told about a clip without understanding it.

    Attributes:
        seconds: length.
        active_share: share of frames with speech in them, 0 to 1.
        longest_pause_seconds: longest run of inactive frames between two active ones.
        loudness_dbfs: RMS of the active frames.
        clipped_share: share of samples in flat runs at the clip's extreme.
        offset: mean of all samples.
        flatness: median spectral flatness of the active frames; 1 is white noise, voiced speech is far below.
        fullness: median share of a frame's power above 0.4 of the Nyquist frequency; little in speech, much in noise.
        level_range_db: from the 5th to the 95th percentile of the frames' levels; speech moves, hum and noise do not.
    """

    seconds: float
    active_share: float
    longest_pause_seconds: float
    loudness_dbfs: float
    clipped_share: float
    offset: float
    flatness: float
    fullness: float
    level_range_db: float


def hear(samples: NDArray[np.float32], sample_rate: int) -> SpeechFacts:
    """Measure float32 samples (n,), -1 to 1, at `sample_rate` Hz; at least one frame of 20 ms."""
    frames = _frames(samples, sample_rate)
    levels = _levels_dbfs(frames)
    active = levels > max(np.percentile(levels, 95) - ACTIVE_BELOW_PEAK_DB, -70.0)
    heard = frames[active]
    return SpeechFacts(
        seconds=len(samples) / sample_rate,
        active_share=float(np.mean(active)),
        longest_pause_seconds=_longest_pause(active) * FRAME_SECONDS,
        loudness_dbfs=float(_levels_dbfs(heard.reshape(1, -1))[0]) if len(heard) else FLOOR_DBFS,
        clipped_share=clipped_share(samples),
        offset=float(np.mean(samples)),
        flatness=_median_flatness(heard),
        fullness=_median_fullness(heard),
        level_range_db=float(np.percentile(levels, 95) - np.percentile(levels, 5)),
    )


def complaints(samples: NDArray[np.float32], sample_rate: int, letters: int | None = None) -> list[str]:
    """Return why this clip is no plausible speech; an empty list when it is.

    Args:
        samples: float32 (n,).
        sample_rate: Hz.
        letters: letters of the text that was to be said, where the length is to be judged too.
    """
    if len(samples) < FRAME_SECONDS * sample_rate:
        return ["there is no audio"]
    if not np.all(np.isfinite(samples)):
        return ["samples are NaN or infinite"]
    facts = hear(samples, sample_rate)
    found = {
        f"too little of it is active: {facts.active_share:.2f}": facts.active_share < 0.45,
        f"a pause of {facts.longest_pause_seconds:.2f} s": facts.longest_pause_seconds > 0.6,
        f"too quiet: {facts.loudness_dbfs:.0f} dBFS": facts.loudness_dbfs < -40,
        f"too loud: {facts.loudness_dbfs:.0f} dBFS": facts.loudness_dbfs > -8,
        f"clipped: {facts.clipped_share:.4f} of the samples": facts.clipped_share > 0.001,
        f"an offset of {facts.offset:.3f}": abs(facts.offset) > 0.01,
        f"noise, not voice: flatness {facts.flatness:.2f}": facts.flatness > 0.2,
        f"too much of it is high: {facts.fullness:.2f}": facts.fullness > 0.3,
        f"its level never moves: {facts.level_range_db:.1f} dB": facts.level_range_db < 6,
    }
    return [complaint for complaint, holds in found.items() if holds] + _length_complaints(facts.seconds, letters)


def clipped_share(samples: NDArray[np.float32]) -> float:
    """Return the share of samples in runs of three or more that lie flat at the clip's own extreme, above 0.1."""
    extreme = float(np.max(np.abs(samples), initial=0))
    if extreme < 0.1:
        return 0.0
    flat = np.abs(samples) >= extreme * 0.9999
    runs = flat[:-2] & flat[1:-1] & flat[2:]
    return float(np.mean(runs)) if len(runs) else 0.0


def dominant_hz(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Return the frequency of the strongest partial, by a Hann-windowed spectrum with parabolic interpolation."""
    power = np.log(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) + 1e-12)
    peak = int(np.clip(np.argmax(power), 1, len(power) - 2))
    left, middle, right = power[peak - 1 : peak + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    return float((peak + shift) * sample_rate / len(samples))


def click_ratio(samples: NDArray[np.float32], join: int, sample_rate: int, order: int = 16) -> float:
    """Return how far a known join stands out of what linear prediction expects around it.

    The predictor (covariance method, least squares) is fitted on 20 ms to each side without the 1 ms around the join;
    the ratio is the largest residual within 1 ms of the join over the 99th percentile of the residuals elsewhere.
    At 760 random places of clean speech it was 2.7 at the 99th percentile and 4.6 at most; with a step of 0.1 put
    there, 13 in the median, but under 2 where a louder glottal pulse hid the step: judge several joins by the worst
    of them. A blind search for clicks is useless: plosives are clicks.

    Args:
        samples: float32 (n,).
        join: index of the first sample after the join.
        sample_rate: Hz.
        order: of the predictor.
    """
    reach, near = round(0.02 * sample_rate), max(2, round(0.001 * sample_rate))
    start = max(0, join - reach - order)
    stretch = samples[start : join + reach].astype(np.float64)
    history = np.lib.stride_tricks.sliding_window_view(stretch, order)[:-1]
    now = stretch[order:]
    place = np.arange(order, len(stretch)) + start
    around = np.abs(place - join) <= near
    clean = ~((place >= join - near) & (place <= join + near + order))
    weights = np.linalg.lstsq(history[clean], now[clean], rcond=1e-6)[0]
    residual = np.abs(now - history @ weights)
    usual = np.percentile(residual[clean], 99) + INAUDIBLE_RESIDUAL
    return float(np.max(residual[around]) / usual)


def clicks_at(joins: Iterable[int], samples: NDArray[np.float32], sample_rate: int) -> list[int]:
    """Return those of the known joins (indices of the first sample after each) at which a click is heard."""
    return [join for join in joins if click_ratio(samples, join, sample_rate) > CLICK_RATIO]


def _frames(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    size = round(FRAME_SECONDS * sample_rate)
    whole = len(samples) - len(samples) % size
    return samples[:whole].astype(np.float64).reshape(-1, size)


def _levels_dbfs(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(FLOOR_DBFS, 10 * np.log10(np.var(frames, axis=1) + 1e-12))


def _longest_pause(active: NDArray[np.bool_]) -> int:
    places = np.flatnonzero(active)
    return int(np.max(np.diff(places), initial=1)) - 1


def _powers(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    windowed = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(frames.shape[1])
    powers: NDArray[np.float64] = np.abs(np.fft.rfft(windowed))[:, 1:] ** 2 + 1e-12
    return powers


def _median_flatness(frames: NDArray[np.float64]) -> float:
    if not len(frames):
        return 1.0
    powers = _powers(frames)
    return float(np.median(np.exp(np.mean(np.log(powers), axis=1)) / np.mean(powers, axis=1)))


def _median_fullness(frames: NDArray[np.float64]) -> float:
    if not len(frames):
        return 0.0
    powers = _powers(frames)
    cut = round(0.4 * powers.shape[1])
    return float(np.median(powers[:, cut:].sum(axis=1) / powers.sum(axis=1)))


def _length_complaints(seconds: float, letters: int | None) -> list[str]:
    if not letters:
        return []
    pace_ms = 1000 * seconds / letters
    return [] if 40 <= pace_ms <= 250 else [f"{pace_ms:.0f} ms for each letter"]
