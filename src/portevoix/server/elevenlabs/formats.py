"""The values of `output_format`: codec, sample rate and bit rate in one name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from portevoix.codecs import FORMATS, StreamEncoder
from portevoix.codecs.compressed import CompressedWriter, Recipe
from portevoix.codecs.pcm import PcmWriter
from portevoix.codecs.wav import WavFileWriter, WavStreamWriter
from portevoix.errors import UnknownFormat

if TYPE_CHECKING:
    from portevoix.codecs.encoder import Writer

DEFAULT = "mp3_44100_128"


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """Describe a format.

    Attributes:
        name: as clients ask for it.
        media_type: the `Content-Type` of its bytes.
        sample_rate: Hz inside the file.
        recipe: how FFmpeg's libraries write it, or None for 16-bit samples, raw or in a WAVE.
    """

    name: str
    media_type: str
    sample_rate: int
    recipe: Recipe | None = None

    def encoder(self, sample_rate: int, *, is_file: bool = False) -> StreamEncoder:
        """Return an encoder for samples of `sample_rate` Hz; for a whole file, lengths in its header are exact.

        Raises:
            UnknownFormat: this machine cannot write it.
        """
        return StreamEncoder(self.media_type, sample_rate, self.sample_rate, self._writer(is_file=is_file))

    def _writer(self, *, is_file: bool) -> Writer:
        if self.recipe is not None:
            return CompressedWriter(self.recipe, self.sample_rate, is_file=is_file)
        if self.media_type == FORMATS["wav"].media_type:
            return WavFileWriter(self.sample_rate) if is_file else WavStreamWriter(self.sample_rate)
        return PcmWriter()


def find_output(name: str) -> OutputFormat:
    """Return the format of that name.

    Raises:
        UnknownFormat: there is none; the hint lists those there are.
    """
    known = OUTPUTS.get(name)
    if known is None:
        raise UnknownFormat(f"audio cannot be written as {name[:60]!r}", "there is no such output format",
                            f"Use one of {', '.join(OUTPUTS)}.", param="output_format")  # fmt: skip
    return known


def _compressed(codec: str, sample_rate: int, kilobits: int) -> OutputFormat:
    known = FORMATS[codec]
    recipe = known.recipe and replace(known.recipe, bit_rate=kilobits * 1000)
    return OutputFormat(f"{codec}_{sample_rate}_{kilobits}", known.media_type, sample_rate, recipe)


_MP3 = ((22_050, 32), (24_000, 48), (44_100, 32), (44_100, 64), (44_100, 96), (44_100, 128), (44_100, 192))
_OPUS = ((48_000, 32), (48_000, 64), (48_000, 96), (48_000, 128), (48_000, 192))
_PCM_HZ = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

OUTPUTS = MappingProxyType(
    {
        known.name: known
        for known in (
            *(_compressed("mp3", *numbers) for numbers in _MP3),
            *(OutputFormat(f"pcm_{rate}", FORMATS["pcm"].media_type, rate) for rate in _PCM_HZ),
            *(OutputFormat(f"wav_{rate}", FORMATS["wav"].media_type, rate) for rate in _PCM_HZ),
            *(_compressed("opus", *numbers) for numbers in _OPUS),
            OutputFormat("ulaw_8000", "audio/basic", 8_000, Recipe("mulaw", "pcm_mulaw", "s16")),
            OutputFormat("alaw_8000", "audio/x-alaw-basic", 8_000, Recipe("alaw", "pcm_alaw", "s16")),
        )
    }
)
"""Every format by its name."""
