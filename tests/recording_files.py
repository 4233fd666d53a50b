"""Recordings as files, of every kind that people send: made here, by the libraries that write them for people."""

from __future__ import annotations

import io
import struct
import wave

import av
import numpy as np


def voice(seconds=3.0, rate=24_000, level=0.3):
    """Return float32 samples like speech: a buzz with pauses, the same each time."""
    times = np.arange(int(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 140 * number * times) / number for number in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3 * times) + 0.4, 0, 1)
    samples = buzz * syllables
    return (level * samples / np.abs(samples).max()).astype(np.float32)


def wav(samples, rate=24_000, bits=16, channels=1):
    """Return a WAV file with PCM of 16 or 24 bits, the same in every channel."""
    frames = np.repeat(samples[:, None], channels, axis=1).ravel()
    whole = (np.clip(frames, -1, 1) * (2 ** (bits - 1) - 1)).astype("<i4")
    content = whole.astype("<i2").tobytes() if bits == 16 else whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, bits // 8, rate, 0, "NONE", ""))
        out.writeframes(content)
    return file.getvalue()


def encoded(samples, container, codec, rate=24_000, layout="mono"):
    """Return a file that FFmpeg's libraries have encoded."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate,
                                      frame_size=stream.codec_context.frame_size or 1024)  # fmt: skip
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()


def wav_that_lies(seconds_claimed, rate=24_000):
    """Return a WAV whose header promises more than there is."""
    whole = bytearray(wav(voice(2.0), rate))
    struct.pack_into("<I", whole, 40, min(0xFFFFFFF0, int(seconds_claimed * rate * 2)))
    return bytes(whole)
