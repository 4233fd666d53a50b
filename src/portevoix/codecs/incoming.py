"""Audio that arrives in pieces: bytes of any cut in, samples out as early as they are certain."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from portevoix.codecs.wav_reader import (
    CHUNK_HEADER_BYTES,
    PCM,
    WavLayout,
    layout_of,
    samples_of,
)
from portevoix.errors import AudioNotReadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

FRAMED = {"mp3": "mp3float", "aac": "aac"}
"""Kinds whose frames can be told apart without a container, and their decoders."""

WHOLE = ("flac", "ogg", "mp4", "webm")
"""Kinds that are decoded once the last byte is there."""

LARGEST_BYTES = 64 << 20
"""Most bytes of a kind that is decoded at the end."""

LONGEST_HEADER_BYTES = 1 << 16
UNKNOWN_SIZE_BYTES = 0x7FFF_0000
"""A WAVE header that promises as much, or nothing, was written before its length was known."""

_MAGIC = ((b"RIFF", "wav"), (b"ID3", "mp3"), (b"fLaC", "flac"), (b"OggS", "ogg"), (b"\x1aE\xdf\xa3", "webm"))
_MEDIA_TYPES = {
    "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav",
    "audio/vnd.wave": "wav", "audio/pcm": "pcm", "audio/x-pcm": "pcm", "audio/l16": "pcm", "audio/raw": "pcm",
    "audio/basic": "", "audio/aac": "aac", "audio/aacp": "aac", "audio/flac": "flac", "audio/x-flac": "flac",
    "audio/ogg": "ogg", "audio/opus": "ogg", "audio/webm": "webm", "audio/mp4": "mp4",
}  # fmt: skip
_NOBODY_KNOWS = ("", "application/octet-stream", "binary/octet-stream", "audio/*")


class Decoder(Protocol):
    """Turn the bytes of one recording into samples.

    Attributes:
        sample_rate: Hz; 0 until it is known.
    """

    sample_rate: int

    def push(self, content: bytes) -> Samples:
        """Return the float32 samples (n,) that are complete.

        Raises:
            AudioNotReadable: this is no audio of the kind.
        """

    def finish(self) -> Samples:
        """Return the rest.

        Raises:
            AudioNotReadable: the recording was cut short.
        """


def audio_kind(media_type: str, beginning: bytes, asked: str) -> str:
    """Return what some audio is: `pcm`, `wav`, or a key of `FRAMED` or `WHOLE`; "" when it is no audio.

    Args:
        media_type: what its sender says, without parameters; believed, except that a file which begins like a WAVE
            is one, whatever its sender calls it.
        beginning: its first bytes, at least 12 where it has as many.
        asked: what to take it for when neither tells.
    """
    shown = next((kind for magic, kind in _MAGIC if beginning.startswith(magic)), "")
    if beginning[4:8] == b"ftyp":
        shown = "mp4"
    told = media_type.strip().lower()
    if told in _NOBODY_KNOWS:
        return shown or asked
    kind = _MEDIA_TYPES.get(told, "")
    return shown if kind and shown == "wav" else kind


def decoder_for(kind: str, pcm_rate: int) -> Decoder:
    """Return a decoder for what `audio_kind` found.

    Args:
        kind: not "".
        pcm_rate: Hz of `pcm`, which does not tell it: 16 bits, little-endian, mono.
    """
    if kind == "pcm":
        return PcmDecoder(WavLayout(PCM, 1, pcm_rate, 16))
    if kind == "wav":
        return WavDecoder()
    return FramedDecoder(FRAMED[kind]) if kind in FRAMED else FileDecoder()


def _nothing() -> Samples:
    return np.zeros(0, np.float32)


class PcmDecoder:
    """Decode samples without a header; a frame may be cut anywhere between two pieces."""

    def __init__(self, layout: WavLayout) -> None:
        self.sample_rate = layout.sample_rate
        self._layout = layout
        self._frame_bytes = layout.channels * layout.bits // 8
        self._rest = b""

    def push(self, content: bytes) -> Samples:
        """Return the whole frames."""
        content = self._rest + content
        whole = len(content) - len(content) % self._frame_bytes
        self._rest = content[whole:]
        return samples_of(self._layout, memoryview(content[:whole])) if whole else _nothing()

    def finish(self) -> Samples:
        """Return nothing.

        Raises:
            AudioNotReadable: the last sample is cut.
        """
        if self._rest:
            raise AudioNotReadable("the audio is cut short", "it ends in the middle of a sample")
        return _nothing()


class WavDecoder:
    """Decode a WAVE file while it arrives; its header may leave the length open."""

    def __init__(self) -> None:
        self.sample_rate = 0
        self._header = b""
        self._body: PcmDecoder | None = None
        self._missing: int | None = None

    def push(self, content: bytes) -> Samples:
        """Return the samples that are there, none before the header is whole; what follows them is left out.

        Raises:
            AudioNotReadable: it does not begin like a WAVE file, or holds an unknown kind of samples.
        """
        if self._body is None:
            self._header += content
            content = self._read_header()
        if self._body is None:
            return _nothing()
        if self._missing is not None:
            content = content[: self._missing]
            self._missing -= len(content)
        return self._body.push(content)

    def finish(self) -> Samples:
        """Return nothing.

        Raises:
            AudioNotReadable: it has fewer samples than its header says.
        """
        if self._body is None:
            raise AudioNotReadable("the audio is cut short", "it ends within its header")
        if self._missing:
            raise AudioNotReadable("the audio is cut short", f"{self._missing} bytes are missing")
        return self._body.finish() if self._missing is None else _nothing()

    def _read_header(self) -> bytes:
        """Read the chunks before the samples, once they are there, and return what follows them."""
        header = self._header
        if not (b"RIFF".startswith(header[:4]) and b"WAVE".startswith(header[8:12])) or (
            len(header) > LONGEST_HEADER_BYTES
        ):
            raise AudioNotReadable("the audio cannot be read", "it does not begin like a WAVE file")
        at, layout = 12, None
        while at + CHUNK_HEADER_BYTES <= len(header):
            name, size = struct.unpack_from("<4sI", header, at)
            at += CHUNK_HEADER_BYTES
            if name == b"data" and layout is not None:
                self._begin(layout, size)
                return header[at:]
            if name == b"fmt " and at + size <= len(header):
                layout = layout_of(memoryview(header)[at : at + size])
            at += size + size % 2
        return b""

    def _begin(self, layout: WavLayout, size: int) -> None:
        self.sample_rate = layout.sample_rate
        self._body = PcmDecoder(layout)
        self._missing = size if 0 < size < UNKNOWN_SIZE_BYTES else None


class FramedDecoder:
    """Decode a stream of frames, such as mp3, as each is complete."""

    def __init__(self, codec: str) -> None:
        import av

        self.sample_rate = 0
        self._codec: Any = av.CodecContext.create(codec, "r")
        self._mono = _Mono()

    def push(self, content: bytes) -> Samples:
        """Return the samples of the frames that are whole.

        Raises:
            AudioNotReadable: a frame cannot be decoded.
        """
        return self._decode(content) if content else _nothing()

    def finish(self) -> Samples:
        """Return the samples of the last frame.

        Raises:
            AudioNotReadable: it cannot be decoded.
        """
        return np.concatenate([self._decode(b""), self._frames(None)])

    def _decode(self, content: bytes) -> Samples:
        import av

        try:
            packets = self._codec.parse(content)
        except av.FFmpegError as error:
            raise _unreadable(error) from error
        return np.concatenate([_nothing(), *(self._frames(packet) for packet in packets)])

    def _frames(self, packet: Any) -> Samples:
        import av

        try:
            frames = self._codec.decode(packet)
        except av.FFmpegError as error:
            raise _unreadable(error) from error
        samples = np.concatenate([_nothing(), *map(self._mono.samples, frames)])
        self.sample_rate = self._mono.sample_rate
        return samples


class FileDecoder:
    """Keep a file until its last byte is there, then decode it, whatever FFmpeg finds it to be."""

    def __init__(self) -> None:
        self.sample_rate = 0
        self._content = bytearray()

    def push(self, content: bytes) -> Samples:
        """Return nothing yet.

        Raises:
            AudioNotReadable: the file has become too large.
        """
        self._content += content
        if len(self._content) > LARGEST_BYTES:
            raise AudioNotReadable("the audio cannot be read", f"it has more than {LARGEST_BYTES >> 20} MiB")
        return _nothing()

    def finish(self) -> Samples:
        """Return all samples.

        Raises:
            AudioNotReadable: it is no audio, or damaged.
        """
        import av

        mono = _Mono()
        try:
            with av.open(BytesIO(bytes(self._content)), "r") as container:
                parts = [mono.samples(frame) for frame in container.decode(audio=0)]
        except (av.FFmpegError, IndexError, ValueError) as error:
            raise _unreadable(error) from error
        self.sample_rate = mono.sample_rate
        return np.concatenate([_nothing(), *parts])


class _Mono:
    """Average the channels of decoded frames, whatever their sample format."""

    def __init__(self) -> None:
        self.sample_rate = 0
        self._resampler: Any = None

    def samples(self, frame: Any) -> Samples:
        """Return a frame's samples.

        Raises:
            AudioNotReadable: the rate changes in the middle.
        """
        if self._resampler is None:
            import av

            self._resampler = av.AudioResampler("flt", "mono")
            self.sample_rate = int(frame.sample_rate)
        if frame.sample_rate != self.sample_rate:
            raise AudioNotReadable("the audio cannot be read", "its sample rate changes in the middle")
        parts = [part.to_ndarray()[0].astype(np.float32) for part in self._resampler.resample(frame)]
        samples: Samples = np.clip(np.concatenate([_nothing(), *parts]), -1.0, 1.0)
        return samples


def _unreadable(error: Exception) -> AudioNotReadable:
    return AudioNotReadable("the audio cannot be decoded", f"{type(error).__name__}: {error}")
