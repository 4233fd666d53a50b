"""Where the audio of one engine meets that of the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portevoix.audio import AudioChunk
from portevoix.dsp.resample import Resampler

if TYPE_CHECKING:
    from portevoix.audio import Samples
    from portevoix.speech import Source

JOIN_SECONDS = 0.005


class Joint:
    """Bring the audio of several engines to one sample rate and one time line.

    Each attempt to speak has a `Source` of its own, also where the same voice goes on: a sentence after the other, or
    once more after it broke off. Where one attempt meets the next there is neither a step nor a resampler's memory.
    """

    def __init__(self, sample_rate: int, lead_in_seconds: float = 0.0) -> None:
        self._rate = sample_rate
        self._lead_in_samples = round(lead_in_seconds * sample_rate)
        self._resampler: Resampler | None = None
        self._attempt: tuple[Source | None, int] | None = None
        self._last_sample = 0.0
        self._is_joining = False
        self._ramp: Samples = np.zeros(0, np.float32)
        self._pending = AudioChunk(np.zeros(0, np.float32), sample_rate)

    def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Return what is ready of the stream once `chunk` has been added to it."""
        ready = [] if self._goes_on(chunk) else self._begin(chunk)
        samples = self._resampler.push(chunk.samples) if self._resampler else chunk.samples
        self._pending = replace(chunk, samples=samples, sample_rate=self._rate)
        return [*ready, *self._give(self._pending)]

    def flush(self) -> list[AudioChunk]:
        """Return what a resampler still holds."""
        if self._resampler is None:
            return []
        tail = self._resampler.flush()
        self._resampler = None
        return self._give(replace(self._pending, samples=tail, marks=()))

    def _goes_on(self, chunk: AudioChunk) -> bool:
        if self._attempt is None:
            return False
        source, sample_rate = self._attempt
        return chunk.source is source and chunk.sample_rate == sample_rate

    def _begin(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Make ready for another attempt; return what was left of the one before."""
        ready = self.flush()
        self._is_joining = self._attempt is not None
        self._attempt = chunk.source, chunk.sample_rate
        self._resampler = Resampler(chunk.sample_rate, self._rate) if chunk.sample_rate != self._rate else None
        return ready

    def _give(self, chunk: AudioChunk) -> list[AudioChunk]:
        if not len(chunk.samples):
            return [chunk] if chunk.marks else []
        samples = self._without_step(chunk.samples)
        self._last_sample = float(samples[-1])
        if self._lead_in_samples:
            samples = np.concatenate([np.zeros(self._lead_in_samples, np.float32), samples])
            self._lead_in_samples = 0
        return [replace(chunk, samples=samples)]

    def _without_step(self, samples: Samples) -> Samples:
        """Lead from what was heard last to the next attempt over its first milliseconds, so that there is no click."""
        if self._is_joining:
            self._is_joining = False
            step = self._last_sample - float(samples[0])
            self._ramp = np.linspace(step, 0.0, int(JOIN_SECONDS * self._rate) if step else 0, dtype=np.float32)
        count = min(len(samples), len(self._ramp))
        if count == 0:
            return samples
        joined = samples.copy()
        joined[:count] += self._ramp[:count]
        self._ramp = self._ramp[count:]
        return np.clip(joined, -1.0, 1.0)
