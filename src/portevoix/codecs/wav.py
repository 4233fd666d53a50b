"""RIFF WAVE with 16-bit mono samples: a stream of unknown length, or a complete file."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from portevoix.codecs.pcm import to_int16
from portevoix.errors import EmptyAudio

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN_BYTES = 0xFFFFFFFF
"""The size that says "until the end of the stream", as players and FFmpeg read it."""

SAMPLE_BYTES = 2
RIFF_OVERHEAD_BYTES = 36


def wav_header(sample_rate: int, data_bytes: int | None) -> bytes:
    """Return the 44 bytes before the samples of a 16-bit mono WAVE.

    Args:
        sample_rate: Hz.
        data_bytes: size of the samples, or None when it is not known; a size beyond 32 bits becomes unknown too.
    """
    data_size = UNKNOWN_BYTES if data_bytes is None else min(data_bytes, UNKNOWN_BYTES)
    riff_size = min(data_size + RIFF_OVERHEAD_BYTES, UNKNOWN_BYTES)
    byte_rate = sample_rate * SAMPLE_BYTES
    layout = struct.pack("<HHIIHH", 1, 1, sample_rate, byte_rate, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    riff = struct.pack("<4sI4s4sI", b"RIFF", riff_size, b"WAVE", b"fmt ", len(layout))
    return riff + layout + struct.pack("<4sI", b"data", data_size)


def wav_file(samples: NDArray[np.float32] | NDArray[np.int16], sample_rate: int) -> bytes:
    """Return a complete WAVE file with exact sizes.

    Args:
        samples: float32 (-1 to 1, finite) or int16, shape (n,), n at least 1.
        sample_rate: Hz.

    Raises:
        EmptyAudio: there is no sample.
    """
    if not len(samples):
        raise EmptyAudio("no WAVE file was made", "there is no audio to put into it")
    body = (samples if samples.dtype == np.int16 else to_int16(samples.astype(np.float32))).astype("<i2").tobytes()
    return wav_header(sample_rate, len(body)) + body


class WavStreamWriter:
    """Write a WAVE whose length nobody knows yet: one header, then samples."""

    def __init__(self, sample_rate: int) -> None:
        self._due = wav_header(sample_rate, None)

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """Return two bytes for each of the float32 samples (n,), after the header if that is still due."""
        header, self._due = self._due, b""
        return header + to_int16(samples).tobytes()

    def close(self) -> bytes:
        """Return nothing: the stream's end is the file's end."""
        return b""


class WavFileWriter:
    """Gather samples and write a WAVE with exact sizes at the end."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._body = bytearray()

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """Keep the float32 samples (n,); nothing can be written before the size is known."""
        self._body += to_int16(samples).tobytes()
        return b""

    def close(self) -> bytes:
        """Return the whole file."""
        return wav_header(self._sample_rate, len(self._body)) + bytes(self._body)
