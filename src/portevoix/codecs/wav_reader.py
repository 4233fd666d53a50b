"""Read WAVE files as they are found in the wild."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from portevoix.errors import AudioNotReadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from numpy.typing import NDArray

PCM, FLOAT, EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
"""Format tags of the Microsoft WAVE specification."""

HIGHEST_RATE = 768_000
"""Hz; beyond this the header is damaged, not ambitious."""

CHUNK_HEADER_BYTES = 8
FMT_BYTES = 16
SUBFORMAT_AT = 24
"""Where an extensible `fmt ` chunk keeps the true format tag, the first two bytes of a GUID."""


@dataclass(frozen=True, slots=True)
class WavLayout:
    """Describe how samples lie in a WAVE file.

    Attributes:
        tag: PCM or FLOAT.
        channels: interleaved channels.
        sample_rate: Hz.
        bits: bits of one sample as it is stored.
    """

    tag: int
    channels: int
    sample_rate: int
    bits: int


def read_wav(source: bytes | str | PathLike[str]) -> tuple[NDArray[np.float32], int]:
    """Read a WAVE file: PCM of 8, 16, 24 or 32 bits, or float of 32 or 64 bits, plain or extensible.

    Channels are averaged into one. A data size that is unknown or larger than the file means "to the end"; a frame cut
    in the middle is dropped.

    Args:
        source: the file's bytes, or its path.

    Returns:
        float32 samples, shape (n,), full scale -1 to 1 (float files may go beyond), and the rate in Hz.

    Raises:
        AudioNotReadable: the file cannot be opened, is no WAVE, is damaged, or holds another kind of samples.
    """
    content = memoryview(source if isinstance(source, bytes) else _file_bytes(source))
    layout, data = _split(content)
    return samples_of(layout, data), layout.sample_rate


def _refusal(why: str) -> AudioNotReadable:
    return AudioNotReadable("the recording could not be read", why, "Give a WAVE file with PCM or float samples.")


def _file_bytes(path: str | PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _refusal(f"{path}: {error.strerror or error}") from error


def _split(content: memoryview) -> tuple[WavLayout, memoryview]:
    if bytes(content[:4]) != b"RIFF" or bytes(content[8:12]) != b"WAVE":
        raise _refusal("it does not begin like a WAVE file")
    layout = None
    for name, body in _chunks(content):
        if name == b"fmt ":
            layout = layout_of(body)
        elif name == b"data":
            if layout is None:
                raise _refusal("its samples come before their description")
            return layout, body
    raise _refusal("it has no samples" if layout else "it has neither a description nor samples")


def _chunks(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 12
    while at + CHUNK_HEADER_BYTES <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        at += CHUNK_HEADER_BYTES
        yield name, content[at : at + size]
        at += size + size % 2


def layout_of(body: memoryview) -> WavLayout:
    """Return what the body of a `fmt ` chunk says.

    Raises:
        AudioNotReadable: it is cut short, impossible, or of an unknown kind.
    """
    if len(body) < FMT_BYTES:
        raise _refusal("its description is cut short")
    tag, channels, sample_rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", body)
    if tag == EXTENSIBLE and len(body) >= SUBFORMAT_AT + 2:
        (tag,) = struct.unpack_from("<H", body, SUBFORMAT_AT)
    if not channels or not 0 < sample_rate <= HIGHEST_RATE:
        raise _refusal(f"its header says {channels} channels at {sample_rate} Hz")
    if frame_bytes * 8 != channels * bits or (tag, bits) not in _DECODERS:
        raise _refusal(f"its samples are of an unknown kind (format {tag:#06x}, {bits} bits)")
    return WavLayout(tag, channels, sample_rate, bits)


def samples_of(layout: WavLayout, data: memoryview) -> NDArray[np.float32]:
    """Return the whole frames in `data` as float32 (n,), their channels averaged into one."""
    frame_bytes = layout.channels * layout.bits // 8
    whole = data[: len(data) - len(data) % frame_bytes]
    flat = _DECODERS[layout.tag, layout.bits](whole)
    mono: NDArray[np.float32] = flat.reshape(-1, layout.channels).mean(axis=1, dtype=np.float32)
    return mono


def _from_uint8(data: memoryview) -> NDArray[np.float32]:
    return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(2**7)) / np.float32(2**7)


def _from_int16(data: memoryview) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15 - 1)
    return samples.clip(-1, 1)


def _from_int24(data: memoryview) -> NDArray[np.float32]:
    triples = np.frombuffer(data, np.uint8).reshape(-1, 3)
    words = np.zeros((len(triples), 4), np.uint8)
    words[:, 1:] = triples
    return _from_int32(memoryview(words.tobytes()))


def _from_int32(data: memoryview) -> NDArray[np.float32]:
    return np.frombuffer(data, "<i4").astype(np.float32) / np.float32(2**31)


def _from_float32(data: memoryview) -> NDArray[np.float32]:
    return _finite(np.frombuffer(data, "<f4").astype(np.float32))


def _from_float64(data: memoryview) -> NDArray[np.float32]:
    return _finite(np.frombuffer(data, "<f8").astype(np.float32))


def _finite(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    samples[~np.isfinite(samples)] = 0
    return samples


_DECODERS = {
    (PCM, 8): _from_uint8,
    (PCM, 16): _from_int16,
    (PCM, 24): _from_int24,
    (PCM, 32): _from_int32,
    (FLOAT, 32): _from_float32,
    (FLOAT, 64): _from_float64,
}
