"""The audio of one sentence, as it is kept."""

from __future__ import annotations

import json
import struct
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from portevoix.audio import AudioChunk
from portevoix.errors import EmptyAudio
from portevoix.speech import WordMark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

_FULL_SCALE = 32767
_AUDIBLE = 1e-3 * _FULL_SCALE
"""A peak above this, -60 dB of full scale, is taken for sound."""

_MAGIC = b"PVRC"
_VERSION = 2
_PREAMBLE = struct.Struct("<4sHI")
"""Magic, version, and length of the JSON header in bytes; header, samples and checksum follow."""
_CHECKSUM_BYTES = 16
_OBJECT_BYTES = 256
_MARK_BYTES = 200
_PHONEME_BYTES = 144
"""What Python itself needs for a recording, for each of its marks and their phonemes, roughly, on a 64-bit machine."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Hold one sentence's audio in 16 bits, half the size of what travels through the house.

    Attributes:
        samples: int16, little-endian, mono.
        sample_rate: Hz.
        marks: where its words are, in the order of their times.
    """

    samples: bytes
    sample_rate: int
    marks: tuple[WordMark, ...] = ()

    @classmethod
    def from_chunks(cls, chunks: Iterable[AudioChunk]) -> Recording:
        """Join chunks of one sample rate; what is louder than full scale is cut off, NaN becomes silence.

        Raises:
            EmptyAudio: there is no chunk.
            ValueError: the chunks differ in sample rate.
        """
        chunks = tuple(chunks)
        rates = {chunk.sample_rate for chunk in chunks}
        if not rates:
            raise EmptyAudio("there is no audio to keep", "the stream ended without a chunk")
        if len(rates) > 1:
            raise ValueError(f"chunks of one sentence differ in sample rate: {sorted(rates)} Hz")
        samples = b"".join(_quantized(chunk.samples) for chunk in chunks)
        return cls(samples, rates.pop(), tuple(mark for chunk in chunks for mark in chunk.marks))

    @property
    def seconds(self) -> float:
        """Return the length in seconds."""
        return len(self.samples) / 2 / self.sample_rate

    @property
    def size_bytes(self) -> int:
        """Return what it takes in memory, roughly."""
        phonemes = sum(len(mark.phonemes) for mark in self.marks)
        return len(self.samples) + _MARK_BYTES * len(self.marks) + _PHONEME_BYTES * phonemes + _OBJECT_BYTES

    @property
    def is_audible(self) -> bool:
        """Return whether any sample is louder than a thousandth of full scale."""
        samples = self._int16()
        return len(samples) > 0 and bool(max(int(samples.max()), -int(samples.min())) > _AUDIBLE)

    def chunks(self, seconds_per_chunk: float = 0.25) -> Iterator[AudioChunk]:
        """Yield the audio in pieces of `seconds_per_chunk` (the last is shorter), with the words complete in each.

        Samples are made piece by piece, so the first is there at once however long the sentence is.
        """
        samples, marks = self._int16(), list(self.marks)
        step = max(1, round(seconds_per_chunk * self.sample_rate))
        for start in range(0, len(samples), step):
            piece = _float32(samples[start : start + step])
            is_last = start + step >= len(samples)
            over = len(marks) if is_last else _count_until(marks, (start + step) / self.sample_rate)
            yield AudioChunk(piece, self.sample_rate, tuple(marks[:over]))
            del marks[:over]

    def to_bytes(self) -> bytes:
        """Return a layout for the disk: magic, version, JSON header, samples, checksum."""
        header = json.dumps({"sample_rate": self.sample_rate, "marks": [astuple(mark) for mark in self.marks]}).encode()
        content = _PREAMBLE.pack(_MAGIC, _VERSION, len(header)) + header + self.samples
        return content + _checksum(content)

    @classmethod
    def from_bytes(cls, content: bytes) -> Recording | None:
        """Return what `to_bytes` wrote, or None when it is damaged, cut short, or of another version."""
        body, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
        if len(body) < _PREAMBLE.size or _checksum(body) != checksum:
            return None
        magic, version, header_bytes = _PREAMBLE.unpack_from(body)
        if (magic, version) != (_MAGIC, _VERSION):
            return None
        border = _PREAMBLE.size + header_bytes
        header = json.loads(body[_PREAMBLE.size : border])
        return cls(body[border:], header["sample_rate"], tuple(WordMark.from_fields(mark) for mark in header["marks"]))

    def _int16(self) -> NDArray[np.int16]:
        import numpy as np

        return np.frombuffer(self.samples, dtype="<i2")


def _quantized(samples: NDArray[np.float32]) -> bytes:
    import numpy as np

    scaled = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0) * _FULL_SCALE
    return np.rint(np.clip(scaled, -_FULL_SCALE, _FULL_SCALE)).astype("<i2").tobytes()


def _float32(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    import numpy as np

    return samples.astype(np.float32) / np.float32(_FULL_SCALE)


def _count_until(marks: list[WordMark], seconds: float) -> int:
    return next((index for index, mark in enumerate(marks) if mark.end_seconds > seconds), len(marks))


def _checksum(content: bytes) -> bytes:
    return blake2b(content, digest_size=_CHECKSUM_BYTES).digest()
