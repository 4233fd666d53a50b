"""Audio to bytes: one encoder for each response, and complete files."""

from __future__ import annotations

from portevoix.codecs.encoder import Encoder, StreamEncoder
from portevoix.codecs.formats import FORMATS, Format, complete, encoder, find_format
from portevoix.codecs.pcm import to_int16
from portevoix.codecs.wav import wav_file, wav_header
from portevoix.codecs.wav_reader import read_wav

__all__ = [
    "FORMATS",
    "Encoder",
    "Format",
    "StreamEncoder",
    "complete",
    "encoder",
    "find_format",
    "read_wav",
    "to_int16",
    "wav_file",
    "wav_header",
]
