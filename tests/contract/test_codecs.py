"""One suite for every format: what a listener's decoder makes of the bytes."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess

import av
import numpy as np
import pytest

from portevoix.codecs import FORMATS, complete, encoder
from tests.listening import dominant_hz
from tests.signals import cut, tone

SOURCES_HZ = [16_000, 22_050, 24_000, 48_000]
TONE_HZ = 440
SECONDS = 1.2345

FFPROBE = shutil.which("ffprobe")

SIGNATURES = {
    "audio/mpeg": rb"\xff[\xf2\xf3\xfa\xfb]",
    "audio/ogg": rb"OggS.{22}\x01\x13OpusHead",
    "audio/aac": rb"\xff[\xf1\xf9]",
    "audio/flac": rb"fLaC",
    "audio/wav": rb"RIFF....WAVE",
    "audio/pcm": rb"\x00\x00",
}
"""How bytes of a type begin; raw samples of a sine begin with a zero."""

STREAM_DELAY_SAMPLES = {"mp3": 1105, "aac": 1024}
"""What these codecs put before the first sample by their nature; a stream has no place to say so."""

FRAME_SAMPLES = {"mp3": 1152, "aac": 1024, "opus": 960, "flac": 1, "wav": 1, "pcm": 1}


def stream_bytes(name: str, samples: np.ndarray, rate: int, size: int = 2000) -> bytes:
    stream = encoder(name, rate)
    return b"".join(stream.encode(piece) for piece in cut(samples, size)) + stream.finish()


def decode(name: str, content: bytes) -> tuple[np.ndarray, int]:
    if name == "pcm":
        return np.frombuffer(content, "<i2") / 32768, 24_000
    with av.open(io.BytesIO(content)) as file:
        frames = [frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]
        rate = file.streams.audio[0].rate
        assert file.streams.audio[0].channels == 1
    whole = np.concatenate(frames)
    return (whole / 32768 if whole.dtype == np.int16 else whole), rate


def frame_samples(name: str, rate: int) -> int:
    return 576 if name == "mp3" and rate < 32_000 else FRAME_SAMPLES[name]


@pytest.mark.parametrize("rate", SOURCES_HZ)
@pytest.mark.parametrize("name", FORMATS)
def test_a_stream_decodes_to_the_right_length_and_pitch(name, rate):
    samples = tone(TONE_HZ, SECONDS, rate)
    heard, heard_rate = decode(name, stream_bytes(name, samples, rate))
    assert heard_rate == FORMATS[name].output_rate(rate)
    excess = len(heard) - STREAM_DELAY_SAMPLES.get(name, 0) - len(samples) * heard_rate / rate
    assert -1 <= excess <= frame_samples(name, heard_rate)
    assert dominant_hz(heard, heard_rate) == pytest.approx(TONE_HZ, abs=0.5)


@pytest.mark.parametrize("rate", SOURCES_HZ)
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_exact_where_the_format_can_say_its_length(name, rate):
    samples = tone(TONE_HZ, SECONDS, rate)
    heard, heard_rate = decode(name, complete(name, rate, cut(samples, 3000)))
    excess = len(heard) - len(samples) * heard_rate / rate
    if name == "aac":
        assert 0 <= excess - STREAM_DELAY_SAMPLES[name] <= frame_samples(name, heard_rate)
    else:
        assert abs(excess) <= 1


@pytest.mark.parametrize("name", FORMATS)
def test_the_level_is_kept(name):
    heard, _ = decode(name, stream_bytes(name, tone(TONE_HZ, 1, 24_000, level=0.5), 24_000))
    middle = heard[len(heard) // 4 : len(heard) // 2]
    assert np.max(np.abs(middle)) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("name", FORMATS)
def test_the_media_type_agrees_with_the_bytes(name):
    content = stream_bytes(name, tone(TONE_HZ, 0.5, 24_000), 24_000)
    kinds = [kind for kind, signature in SIGNATURES.items() if re.match(signature, content, re.DOTALL)]
    assert kinds == [encoder(name, 24_000).media_type]


@pytest.mark.parametrize("rate", SOURCES_HZ)
@pytest.mark.parametrize("name", FORMATS)
def test_sound_leaves_with_the_first_fifth_of_a_second(name, rate):
    stream = encoder(name, rate)
    samples = tone(TONE_HZ, 0.2, rate)
    first = b"".join(stream.encode(piece) for piece in cut(samples, rate // 50))
    heard, _ = decode(name, first)
    assert np.max(np.abs(heard)) > 0.1


@pytest.mark.parametrize("name", FORMATS)
def test_whatever_has_left_so_far_is_whole_frames(name):
    stream = encoder(name, 22_050)
    sent = b""
    for piece in cut(tone(TONE_HZ, 0.6, 22_050), 3000):
        sent += stream.encode(piece)
        if len(sent) > 100:
            decode(name, sent)
    assert name != "pcm" or len(sent) % 2 == 0


@pytest.mark.parametrize("name", FORMATS)
def test_the_shortest_sound_makes_a_file(name):
    heard, _ = decode(name, complete(name, 24_000, [np.full(1, 0.5, np.float32)]))
    assert len(heard) >= 1


@pytest.mark.parametrize("name", FORMATS)
def test_two_encoders_at_once_do_not_disturb_each_other(name):
    first, second = tone(300, 0.5, 22_050), tone(700, 0.5, 22_050)
    left, right = encoder(name, 22_050), encoder(name, 22_050)
    mixed = [(left.encode(a), right.encode(b)) for a, b in zip(cut(first, 999), cut(second, 999), strict=True)]
    assert b"".join(a for a, _ in mixed) + left.finish() == stream_bytes(name, first, 22_050)
    assert b"".join(b for _, b in mixed) + right.finish() == stream_bytes(name, second, 22_050)


if FFPROBE is not None:

    @pytest.mark.parametrize("name", [name for name in FORMATS if name != "pcm"])
    def test_another_build_of_ffmpeg_reads_the_same(name, tmp_path):
        path = tmp_path / f"clip{FORMATS[name].extension}"
        path.write_bytes(complete(name, 22_050, cut(tone(TONE_HZ, 2, 22_050), 3000)))
        command = [
            FFPROBE,
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name,duration,sample_rate,channels",
            "-of",
            "json",
        ]
        answer = subprocess.run([*command, str(path)], capture_output=True, timeout=30, check=True)
        (stream,) = json.loads(answer.stdout)["streams"]
        assert stream["codec_name"] == {"wav": "pcm_s16le"}.get(name, name)
        assert int(stream["sample_rate"]) == FORMATS[name].output_rate(22_050)
        assert stream["channels"] == 1
        # The program counts whole frames, with the codec's delay; ADTS has no length, which it guesses from a bit rate.
        assert name == "aac" or float(stream["duration"]) == pytest.approx(2, abs=0.07)
        assert answer.stderr == b""
