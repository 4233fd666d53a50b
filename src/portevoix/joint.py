"""Where the audio of one engine meets that of the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portevoix.audio import AudioChunk
from portevoix.dsp.resample import Resampler

if TYPE_CHECKING:
    from portevoix.audio import Samples

JOIN_SECONDS = 0.005


class Joint:
    """Bring the audio of several engines to one sample rate and one time line."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._resampler: Resampler | None = None
        self._source: tuple[object, int] | None = None
        self._last_sample = 0.0
        self._pending = AudioChunk(np.zeros(0, np.float32), sample_rate)

    def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Return what is ready of the stream once `chunk` has been added to it."""
        speaker = (chunk.source and (chunk.source.engine, chunk.source.voice), chunk.sample_rate)
        ready: list[AudioChunk] = []
        if speaker != self._source:
            ready = self.flush()
            self._source = speaker
            self._resampler = Resampler(chunk.sample_rate, self._rate) if chunk.sample_rate != self._rate else None
            chunk = replace(chunk, samples=self._without_step(chunk.samples, chunk.sample_rate))
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

    def _give(self, chunk: AudioChunk) -> list[AudioChunk]:
        if not len(chunk.samples) and not chunk.marks:
            return []
        if len(chunk.samples):
            self._last_sample = float(chunk.samples[-1])
        return [chunk]

    def _without_step(self, samples: Samples, sample_rate: int) -> Samples:
        """Let the last voice die away over the first milliseconds of the next, so that the joint makes no click."""
        count = min(len(samples), int(JOIN_SECONDS * sample_rate))
        if count == 0 or self._last_sample == 0.0:
            return samples
        joined = samples.copy()
        joined[:count] += self._last_sample * np.linspace(1.0, 0.0, count, dtype=np.float32)
        return np.clip(joined, -1.0, 1.0)
