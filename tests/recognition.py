"""A listener that writes down what it hears: an English recogniser, as a judge of whether a voice said its text.

It judges natural voices only: formant synthesis such as espeak-ng's it does not understand, nor any French.
"""

from __future__ import annotations

import re

import numpy as np
from pocketsphinx import Decoder

RATE_HZ = 16_000
UNDERSTOOD = 0.30
"""Word error rate up to which a clip has said its text."""


def word_error_rate(samples: np.ndarray, sample_rate: int, text: str) -> float:
    """Return the share of words of `text` that was not heard in float32 samples (n,); over 1 when much was added."""
    heard, said = transcribe(samples, sample_rate), _words(text)
    return _distance(heard, said) / max(1, len(said))


def transcribe(samples: np.ndarray, sample_rate: int) -> list[str]:
    """Return the words that are heard."""
    import soxr

    at_rate = soxr.resample(samples.astype(np.float32), sample_rate, RATE_HZ)
    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw((np.clip(at_rate, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return _words(hypothesis.hypstr) if hypothesis else []


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def _distance(heard: list[str], said: list[str]) -> int:
    row = list(range(len(said) + 1))
    for index, word in enumerate(heard, 1):
        before, row[0] = row[0], index
        for place, other in enumerate(said, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]
