"""Decode and judge one recording in a process of its own: `python -m portevoix.references.child ORDER`.

A recording comes from anybody, and decoders are where strangers' bytes do harm: this process has little memory and
time, opens no file, and its bytes come on standard input. What leaves on standard output is one line of JSON, and after
it the samples, int16 mono. Formats are those of recordings alone: a playlist would make the decoder open what it names.
"""

from __future__ import annotations

import json
import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from portevoix.errors import AudioNotReadable, PortevoixError
from portevoix.references.judgement import FULL_SCALE, SAMPLE_RATE, Bounds, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CONTAINERS = "wav,w64,aiff,caf,mp3,ogg,flac,aac,matroska,webm,mov,mp4,m4a,3gp"
"""FFmpeg's names of the containers that are opened."""

FORMATS = "WAV, MP3, Ogg, FLAC, AAC, WebM or MP4"
LEAST_HZ = 8_000
MOST_CHANNELS = 8
CPU_SECONDS = 60


def decode(content: bytes, bounds: Bounds) -> NDArray[np.int16]:
    """Return a recording as int16 mono (n,) at `SAMPLE_RATE`, once it has been found good.

    Raises:
        RequestError: it cannot be read, or a voice cannot be learnt from it.
    """
    import av

    try:
        with av.open(BytesIO(content), options={"format_whitelist": CONTAINERS}) as container:
            samples, clipped_share = _read(container, bounds.most_seconds)
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise _unreadable(str(error)[:200]) from error
    judge(samples, clipped_share, bounds)
    return samples


def _read(container: Any, most_seconds: float) -> tuple[NDArray[np.int16], float]:
    """Return the samples, a little more than `most_seconds` of them at most, and the share that was clipped."""
    import av

    stream = next(iter(container.streams.audio), None)
    if stream is None:
        raise _unreadable("there is no audio in it")
    if stream.sample_rate < LEAST_HZ or not 1 <= stream.channels <= MOST_CHANNELS:
        raise _unreadable(f"it has {stream.channels} channels at {stream.sample_rate} Hz")
    plain = av.AudioResampler(format="fltp")
    mono = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    pieces: list[NDArray[np.int16]] = []
    made = total = clipped = 0
    for frame in _frames(container, stream):
        for original in plain.resample(frame):
            values = np.abs(original.to_ndarray())
            total, clipped = total + values.size, clipped + int(np.count_nonzero(values >= FULL_SCALE))
        for converted in mono.resample(frame):
            pieces.append(converted.to_ndarray()[0])
            made += len(pieces[-1])
        if made > (most_seconds + 1) * SAMPLE_RATE:
            break
    pieces += [converted.to_ndarray()[0] for converted in mono.resample(None)]
    if not total:
        raise _unreadable("there is no audio in it")
    return np.concatenate(pieces), clipped / total


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Yield what can be decoded; a file that is cut short or damaged at its end gives what came before."""
    import av

    found = False
    try:
        for frame in container.decode(stream):
            found = True
            frame.pts = None
            yield frame
    except av.FFmpegError:
        if not found:
            raise


def _unreadable(why: str) -> AudioNotReadable:
    return AudioNotReadable("the recording could not be read", why, f"Give a recording as {FORMATS}.",
                            param="reference")  # fmt: skip


def main() -> None:
    """Decode what standard input brings, by the order on the command line."""
    order = json.loads(sys.argv[1])
    _limit_resources(order["memory_bytes"])
    answer: dict[str, Any] = {}
    samples = np.zeros(0, np.int16)
    try:
        samples = decode(sys.stdin.buffer.read(), Bounds(**order["bounds"]))
    except MemoryError:
        answer = _unreadable("it takes too much memory").parts
    except PortevoixError as error:
        answer = error.parts
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + samples.astype("<i2").tobytes())


def _limit_resources(memory_bytes: int) -> None:
    """Take away what decoding does not need; where the system has no limits, the parent's clock is left."""
    if sys.platform == "win32":
        return
    import resource

    for kind, most in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, CPU_SECONDS),
                       (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):  # fmt: skip
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
