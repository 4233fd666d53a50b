"""Recordings and chunks for the tests of the cache."""

from __future__ import annotations

import numpy as np

from portevoix.audio import AudioChunk
from portevoix.cache.recording import Recording
from portevoix.speech import WordMark

RATE = 16000


def tone(seconds=0.1, level=0.5, hertz=440.0, rate=RATE):
    """Return float32 samples of a sine."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def chunk(seconds=0.1, level=0.5, marks=(), rate=RATE):
    return AudioChunk(tone(seconds, level, rate=rate), rate, tuple(marks))


def recording(seconds=0.1, level=0.5, hertz=440.0, marks=()):
    return Recording.from_chunks([AudioChunk(tone(seconds, level, hertz), RATE, tuple(marks))])


def mark(start_seconds, end_seconds, start=0, end=1):
    return WordMark(start, end, start_seconds, end_seconds)
