"""Samples as systems give them, turned into the house's own."""

from __future__ import annotations

import wave
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from portevoix.errors import EngineFailed

if TYPE_CHECKING:
    from portevoix.audio import Samples


def samples_from_pcm(pcm: bytes | bytearray) -> Samples:
    """Return 16-bit little-endian mono samples as float32, shape (n,), -1 to 1; half a sample at the end is dropped."""
    whole = len(pcm) & ~1
    return np.frombuffer(bytes(pcm[:whole]), dtype="<i2").astype(np.float32) / np.float32(32768)


def samples_from_wav(wav: bytes) -> tuple[Samples, int]:
    """Return the samples and the Hz of a 16-bit WAV file; of several channels the first is taken.

    Raises:
        EngineFailed: it is no WAV file, is cut short, or has samples of another width.
    """
    try:
        with wave.open(BytesIO(wav)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            announced, pcm = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise EngineFailed("the WAV file cannot be used", str(error)) from error
    if width != 2 or len(pcm) < announced * width * channels:  # noqa: PLR2004 - bytes of a 16-bit sample
        raise EngineFailed("the WAV file cannot be used", f"{len(pcm)} bytes of {8 * width}-bit samples")
    return samples_from_pcm(pcm)[::channels], rate
