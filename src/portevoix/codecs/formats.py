"""The formats that audio can be written in."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from portevoix.codecs.compressed import CompressedWriter, Recipe
from portevoix.codecs.encoder import Encoder, StreamEncoder, Writer
from portevoix.codecs.pcm import PcmWriter
from portevoix.codecs.wav import WavFileWriter, WavStreamWriter
from portevoix.errors import UnknownFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

MPEG_HZ = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""MPEG-1 and MPEG-2 rates. The lower ones of MPEG-2.5 are left out: not every player knows them, and their frames are
so long that a listener would wait 200 ms for the first."""

FLAC_HZ = (8_000, 11_025, 12_000, *MPEG_HZ, 88_200, 96_000)

PCM_HZ = 24_000
"""What clients of the speech API take raw samples for, because raw samples cannot say it themselves."""

OPUS_HZ = 48_000


@dataclass(frozen=True, slots=True)
class Format:
    """Describe a format of audio.

    Attributes:
        name: what a request calls it.
        media_type: the `Content-Type` of its bytes.
        extension: of a file, with its dot.
        rates: Hz that it can hold, ascending; empty where any rate will do.
        recipe: how FFmpeg's libraries write it, or None where we do.
    """

    name: str
    media_type: str
    extension: str
    rates: tuple[int, ...] = ()
    recipe: Recipe | None = None

    def output_rate(self, sample_rate: int) -> int:
        """Return the rate to write a source of `sample_rate` with, in Hz: its own, the next higher, or the highest."""
        if not self.rates:
            return sample_rate
        return next((rate for rate in self.rates if rate >= sample_rate), self.rates[-1])


_MP3 = Recipe(
    container="mp3",
    codec="libmp3lame",
    sample_format="fltp",
    bit_rate=64_000,
    muxer_options={"id3v2_version": "0"},
)
_OPUS = Recipe(
    container="ogg",
    codec="libopus",
    sample_format="flt",
    bit_rate=48_000,
    # One page for each packet of 20 ms: a page of the usual second would be heard a second late.
    muxer_options={"page_duration": "20000"},
)
_AAC = Recipe(container="adts", codec="aac", sample_format="fltp", bit_rate=64_000)
_FLAC = Recipe(
    container="flac",
    codec="flac",
    sample_format="s16",
    codec_options={"frame_size": "1152"},
    # Without it 8 kB of padding come before the first sample.
    muxer_options={"metadata_header_padding": "0"},
)

FORMATS = MappingProxyType(
    {
        known.name: known
        for known in (
            Format("mp3", "audio/mpeg", ".mp3", MPEG_HZ, _MP3),
            Format("opus", "audio/ogg", ".ogg", (OPUS_HZ,), _OPUS),
            Format("aac", "audio/aac", ".aac", MPEG_HZ, _AAC),
            Format("flac", "audio/flac", ".flac", FLAC_HZ, _FLAC),
            Format("wav", "audio/wav", ".wav"),
            Format("pcm", "audio/pcm", ".pcm", (PCM_HZ,)),
        )
    }
)
"""Every format by its name."""


def find_format(name: str) -> Format:
    """Return the format of that name.

    Raises:
        UnknownFormat: there is none; the hint lists those there are.
    """
    known = FORMATS.get(name)
    if known is None:
        raise UnknownFormat(
            f"audio cannot be written as {name!r}",
            "there is no such format",
            f"Use one of {', '.join(FORMATS)}.",
            param="response_format",
        )
    return known


def encoder(format_name: str, sample_rate: int) -> Encoder:
    """Return a new encoder for one response whose bytes leave as they are made.

    Args:
        format_name: a key of `FORMATS`.
        sample_rate: Hz of the samples that will be given; resampled inside where the format wants another rate.

    Raises:
        UnknownFormat: there is no such format, or this machine's FFmpeg libraries cannot write it.
        ValueError: the rate is not positive.
    """
    return _stream_encoder(format_name, sample_rate, is_file=False)


def complete(format_name: str, sample_rate: int, chunks: Iterable[NDArray[np.float32]]) -> bytes:
    """Return one whole file, with its exact length in the header where the format has one.

    Args:
        format_name: a key of `FORMATS`.
        sample_rate: Hz of the samples.
        chunks: float32 mono samples, each of shape (n,), in order.

    Raises:
        UnknownFormat: there is no such format, or this machine's FFmpeg libraries cannot write it.
        EmptyAudio: the chunks hold no sample.
        ValueError: the rate is not positive.
    """
    whole = _stream_encoder(format_name, sample_rate, is_file=True)
    return b"".join(whole.encode(chunk) for chunk in chunks) + whole.finish()


def _stream_encoder(format_name: str, sample_rate: int, *, is_file: bool) -> StreamEncoder:
    if sample_rate <= 0:
        raise ValueError(f"a sample rate is positive, not {sample_rate} Hz")
    known = find_format(format_name)
    output_rate = known.output_rate(sample_rate)
    return StreamEncoder(known.media_type, sample_rate, output_rate, _writer(known, output_rate, is_file=is_file))


def _writer(known: Format, sample_rate: int, *, is_file: bool) -> Writer:
    if known.recipe is not None:
        return CompressedWriter(known.recipe, sample_rate, is_file=is_file)
    if known.name == "wav":
        return WavFileWriter(sample_rate) if is_file else WavStreamWriter(sample_rate)
    return PcmWriter()
