from __future__ import annotations

import asyncio
import hashlib
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from portevoix.errors import AudioNotReadable, NotAllowed
from portevoix.references.faults import (
    ReferenceClipped,
    ReferenceMissing,
    ReferenceSilent,
    ReferenceTooLarge,
    ReferenceTooLong,
    ReferenceTooShort,
)
from portevoix.references.judgement import Bounds
from portevoix.references.recordings import RecordingLimits, Recordings, check_reference
from tests.cancelling import cancel_again_and_again, children, is_left
from tests.recording_files import encoded, voice, wav, wav_that_lies


@pytest.fixture
def recordings(tmp_path):
    return Recordings(tmp_path / "kept")


def samples_of(reference):
    with wave.open(reference.path) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 2**15


def digest_of(reference):
    return hashlib.sha256(Path(reference.path).read_bytes()).hexdigest()


KINDS = {
    "plain": lambda: wav(voice()),
    "8 kHz": lambda: wav(voice(rate=8_000), 8_000),
    "24 bit": lambda: wav(voice(rate=48_000), 48_000, bits=24),
    "stereo": lambda: wav(voice(rate=44_100), 44_100, channels=2),
    "mp3": lambda: encoded(voice(), "mp3", "libmp3lame"),
    "ogg": lambda: encoded(voice(rate=48_000), "ogg", "libopus", 48_000),
    "flac": lambda: encoded(voice(), "flac", "flac"),
    "aac": lambda: encoded(voice(), "adts", "aac"),
    "webm": lambda: encoded(voice(rate=48_000), "webm", "libopus", 48_000),
    "mp4": lambda: encoded(voice(), "mp4", "aac"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_usual_format_becomes_the_same_kind_of_file(recordings, kind):
    reference = await recordings.check_bytes(KINDS[kind](), "Bonjour")
    samples = samples_of(reference)
    assert 2.9 <= len(samples) / 24_000 <= 3.2
    assert 0.2 < np.abs(samples).max() < 0.45
    assert reference.digest == digest_of(reference)
    assert reference.transcript == "Bonjour"


FAULTS = {
    "empty": (lambda: b"", AudioNotReadable),
    "no audio": (lambda: b"I am no recording. " * 100, AudioNotReadable),
    "noise of bytes": (lambda: np.random.default_rng(1).bytes(50_000), AudioNotReadable),
    "header alone": (lambda: wav(voice())[:44], AudioNotReadable),
    "4 kHz": (lambda: wav(voice(rate=4_000), 4_000), AudioNotReadable),
    "0.1 s": (lambda: wav(voice(0.1)), ReferenceTooShort),
    "a click in silence": (lambda: wav(np.concatenate([np.zeros(48_000, np.float32), voice(0.3)])), ReferenceTooShort),
    "10 minutes": (lambda: wav(voice(600, 8_000), 8_000), ReferenceTooLong),
    "silent": (lambda: wav(np.zeros(72_000, np.float32)), ReferenceSilent),
    "next to silent": (lambda: wav(voice(level=1e-4)), ReferenceSilent),
    "clipping": (lambda: wav(10 * voice()), ReferenceClipped),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_has_its_own_error_and_leaves_nothing(recordings, name):
    make, kind = FAULTS[name]
    with pytest.raises(kind) as refused:
        await recordings.check_bytes(make())
    assert type(refused.value) is kind
    assert refused.value.param == "reference"
    assert refused.value.hint
    assert not list(recordings.folder.glob("**/*"))


async def test_speech_that_reaches_full_scale_is_not_clipped(recordings):
    assert await recordings.check_bytes(wav(voice(level=1.0)))


async def test_what_a_damaged_end_leaves_is_taken(recordings):
    assert await recordings.check_bytes(wav_that_lies(3600))
    whole = encoded(voice(4.0), "mp3", "libmp3lame")
    reference = await recordings.check_bytes(whole[: len(whole) * 2 // 3])
    assert 2 < len(samples_of(reference)) / 24_000 < 3


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile '{}'\n", "#EXTM3U\n#EXTINF:3,\n{}\n"])
async def test_a_playlist_opens_no_other_file(recordings, tmp_path, text):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(voice()))
    with pytest.raises(AudioNotReadable):
        await recordings.check_bytes(text.format(secret).encode())


async def test_a_recording_seen_before_is_not_decoded_again(tmp_path):
    content = wav(voice())
    first = await Recordings(tmp_path).check_bytes(content)
    nobody = RecordingLimits(patience_seconds=1e-9)
    assert await Recordings(tmp_path, limits=nobody).check_bytes(content) == first
    with pytest.raises(AudioNotReadable, match="took more than"):
        await Recordings(tmp_path, limits=nobody).check_bytes(wav(voice(2)))


async def test_the_limits_hold(tmp_path):
    with pytest.raises(ReferenceTooLarge):
        await Recordings(tmp_path, limits=RecordingLimits(file_bytes=1000)).check_bytes(wav(voice()))
    with pytest.raises(ReferenceTooLong):
        await Recordings(tmp_path, limits=RecordingLimits(Bounds(most_seconds=2))).check_bytes(wav(voice()))
    with pytest.raises(AudioNotReadable, match="memory"):
        await Recordings(tmp_path, limits=RecordingLimits(memory_bytes=60_000_000)).check_bytes(wav(voice()))


class TestPaths:
    async def test_inside_the_allowed_folders(self, tmp_path):
        (tmp_path / "own.wav").write_bytes(wav(voice()))
        reference = await check_reference(
            tmp_path / "x" / ".." / "own.wav", allowed_folders=[tmp_path], folder=tmp_path / "kept"
        )
        assert Path(reference.path).parent == tmp_path / "kept"

    @pytest.mark.parametrize("path", ["{}/../outside.wav", "{}/link.wav", "{}/folder/outside.wav", "/etc/passwd",
                                      "{}/../missing", "\0", "file:///etc/passwd/../../.."])  # fmt: skip
    async def test_outside(self, tmp_path, path, monkeypatch):
        own = tmp_path / "own"
        own.mkdir()
        monkeypatch.chdir(tmp_path)
        (tmp_path / "outside.wav").write_bytes(wav(voice()))
        (own / "link.wav").symlink_to(tmp_path / "outside.wav")
        (own / "folder").symlink_to(tmp_path)
        with pytest.raises(NotAllowed) as refused:
            await check_reference(path.format(own), allowed_folders=[own], folder=tmp_path / "kept")
        assert "outside.wav" not in str(refused.value)

    @pytest.mark.parametrize("name", ["missing.wav", ".", "fifo"])
    async def test_no_file(self, tmp_path, name):
        os.mkfifo(tmp_path / "fifo")
        with pytest.raises(ReferenceMissing):
            await check_reference(tmp_path / name, allowed_folders=[tmp_path], folder=tmp_path / "kept")

    async def test_not_readable_or_too_large(self, tmp_path):
        (tmp_path / "large.wav").write_bytes(b"x" * 2000)
        with pytest.raises(ReferenceTooLarge):
            await Recordings(tmp_path / "kept", [tmp_path], RecordingLimits(file_bytes=1000)).check(
                tmp_path / "large.wav"
            )

    async def test_anywhere_where_nothing_is_said(self, tmp_path):
        (tmp_path / "own.wav").write_bytes(wav(voice()))
        assert await Recordings(tmp_path / "kept").check(str(tmp_path / "own.wav"))


async def test_old_recordings_are_swept(recordings):
    old = await recordings.check_bytes(wav(voice()))
    os.utime(old.path, (0, 0))
    await recordings.check_bytes(wav(voice(2)))
    assert old.path not in map(str, recordings.folder.iterdir())


async def test_a_check_that_is_cancelled_again_and_again_leaves_no_process(recordings):
    checking = asyncio.create_task(recordings.check_bytes(wav(voice())))
    async with asyncio.timeout(60):
        while not (begun := children("portevoix.references.child")):  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0)
    for _ in range(100):  # the event loop's own steps until it has the process's pipes
        await asyncio.sleep(0)
    assert isinstance(await cancel_again_and_again(checking), asyncio.CancelledError)
    assert not any(map(is_left, begun))
