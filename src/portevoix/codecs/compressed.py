"""Formats that FFmpeg's libraries write: mp3, opus, aac, flac."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from portevoix.codecs.pcm import to_int16
from portevoix.errors import UnknownFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

REPEATABLE = {"fflags": "+bitexact"}
"""No random serial numbers and no version strings: the same audio gives the same bytes."""

AT_ONCE = {"flush_packets": "1"}
"""Every packet leaves the muxer's buffer as soon as it is written."""

BUFFER_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Recipe:
    """Say how FFmpeg writes a format.

    Attributes:
        container: name of the muxer.
        codec: name of the encoder.
        sample_format: what the encoder takes: "flt", "fltp" or "s16".
        bit_rate: bits per second, or 0 where the codec is lossless.
        codec_options: FFmpeg's options of the encoder.
        muxer_options: FFmpeg's options of the muxer.
    """

    container: str
    codec: str
    sample_format: str
    bit_rate: int = 0
    codec_options: Mapping[str, str] = field(default_factory=dict)
    muxer_options: Mapping[str, str] = field(default_factory=dict)


class _Outlet:
    """Collect what the muxer writes; without `seek`, so that it never goes back to mend a header."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, content: bytes) -> int:
        self._written += content
        return len(content)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class _File(BytesIO):
    """Keep the whole file until it is closed, because its header is mended at the end."""

    def take(self) -> bytes:
        return b""

    def close(self) -> None:
        """Stay readable: the muxer closes what it was given."""


class CompressedWriter:
    """Write one response through an encoder and a muxer of FFmpeg's libraries, inside this process.

    Packets are muxed whole, so that each `write` returns whole codec frames.
    """

    def __init__(self, recipe: Recipe, sample_rate: int, *, is_file: bool) -> None:
        """Open the encoder and the muxer.

        Args:
            recipe: the format.
            sample_rate: Hz, one that the codec takes.
            is_file: whether `close` gives one whole file with exact lengths in its header, and `write` nothing.

        Raises:
            UnknownFormat: this build of FFmpeg's libraries lacks the encoder.
        """
        self._recipe = recipe
        self._sample_rate = sample_rate
        self._sink: _File | _Outlet = _File() if is_file else _Outlet()
        self._container = _open(recipe, self._sink, is_file=is_file)
        self._stream = _add_stream(self._container, recipe, sample_rate)
        # A container and its stream refer to each other: without this, a megabyte for each listener who left in the
        # middle would wait for the garbage collector.
        weakref.finalize(self, self._container.close).atexit = False

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """Encode float32 samples (n,) and return the frames that are complete."""
        self._mux(self._frame(samples))
        return self._sink.take()

    def close(self) -> bytes:
        """Encode what is left, end the file, and return the bytes that are due."""
        self._mux(None)
        self._container.close()
        return self._sink.getvalue() if isinstance(self._sink, _File) else self._sink.take()

    def _frame(self, samples: NDArray[np.float32]) -> Any:
        import av

        sample_format = self._recipe.sample_format
        plane = to_int16(samples).astype(np.int16) if sample_format == "s16" else samples
        frame = av.AudioFrame.from_ndarray(plane[np.newaxis], format=sample_format, layout="mono")
        frame.sample_rate = self._sample_rate
        return frame

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


def _open(recipe: Recipe, sink: _File | _Outlet, *, is_file: bool) -> Any:
    import av

    streaming = {} if is_file else AT_ONCE
    return av.open(
        sink,
        "w",
        format=recipe.container,
        container_options={**REPEATABLE, **recipe.muxer_options, **streaming},
        buffer_size=BUFFER_BYTES,
    )


def _add_stream(container: Any, recipe: Recipe, sample_rate: int) -> Any:
    from av.codec.codec import UnknownCodecError

    try:
        options = {"flags": "+bitexact", **recipe.codec_options}
        stream = container.add_stream(recipe.codec, rate=sample_rate, options=options)
    except UnknownCodecError as error:
        raise UnknownFormat(
            f"{recipe.container} audio cannot be written here",
            f"this build of FFmpeg's libraries has no encoder {recipe.codec}",
            "Ask for wav, or install PyAV from its own wheels.",
        ) from error
    stream.layout = "mono"
    stream.format = recipe.sample_format
    if recipe.bit_rate:
        stream.bit_rate = recipe.bit_rate
    return stream
