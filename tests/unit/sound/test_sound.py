"""Playing through real processes: small scripts that note down what they are fed."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import wave

import numpy as np
import pytest

from portevoix.errors import NoSoundDevice
from portevoix.sound import Machine, has_sound, open_player
from portevoix.sound.device import DevicePlayer
from portevoix.sound.file import FilePlayer
from portevoix.sound.pipe import PROGRAMS, PipePlayer, au_header
from portevoix.sound.player import to_pcm
from tests.signals import tone

RATE = 22050


@pytest.fixture
def bin_folder(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def script(folder, name, body):
    """Put a program on the path and return its path."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def recorder(folder, name, record):
    return script(folder, name, f"echo \"$@\" > '{record}.args'; exec cat > '{record}'")


def machine(folder, tmp_path, platform="linux", **variables):
    path = f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"
    environ = {"PATH": path, "XDG_RUNTIME_DIR": str(tmp_path / "run"), **variables}
    return Machine(platform, environ, devices=tmp_path / "snd")


def heard_raw(path):
    return np.frombuffer(path.read_bytes(), "<i2").astype(np.float32) / 32767


def test_plays_through_pulse_and_waits_for_the_end(bin_folder, tmp_path):
    record = tmp_path / "heard"
    recorder(bin_folder, "paplay", record)
    spoken = tone(440, 1.5, RATE)
    player = open_player(RATE, machine=machine(bin_folder, tmp_path, PULSE_SERVER="x"))
    for piece in np.array_split(spoken, 7):
        player.write(piece)
    player.close()
    np.testing.assert_allclose(heard_raw(record), spoken, atol=1e-4)
    assert "--rate=22050" in (tmp_path / "heard.args").read_text()


def test_pipewire_and_ffplay_get_a_file_that_tells_its_rate(bin_folder, tmp_path):
    record = tmp_path / "heard"
    recorder(bin_folder, "pw-play", record)
    player = open_player(16000, machine=machine(bin_folder, tmp_path, PIPEWIRE_REMOTE="x"))
    player.write(np.array([0.5, -0.5], np.float32))
    player.close()
    content = record.read_bytes()
    assert content[:24] == au_header(16000)
    assert struct.unpack(">4s5I", content[:24]) == (b".snd", 24, 0xFFFFFFFF, 3, 16000, 1)
    np.testing.assert_array_equal(np.frombuffer(content[24:], ">i2"), [16383, -16383])


def test_begins_with_silence_for_sleepy_devices(bin_folder, tmp_path):
    record = tmp_path / "heard"
    recorder(bin_folder, "paplay", record)
    player = open_player(RATE, lead_in_seconds=0.25, machine=machine(bin_folder, tmp_path, PULSE_SERVER="x"))
    player.write(tone(440, 0.1, RATE))
    player.close()
    heard = heard_raw(record)
    assert not np.any(heard[: round(0.25 * RATE)])
    assert len(heard) == round(0.25 * RATE) + round(0.1 * RATE)


def test_abort_ends_a_player_that_takes_no_more(bin_folder, tmp_path):
    path = script(bin_folder, "stuck", "exec tail -f /dev/null")
    player = PipePlayer([str(path)], RATE, "raw")
    raised = []
    writer = threading.Thread(target=lambda: raised.append(_raised_by(lambda: player.write(tone(440, 60, RATE)))))
    writer.start()
    player.abort()
    writer.join(30)
    assert not writer.is_alive()
    assert isinstance(raised[0], NoSoundDevice)
    player.abort()


def test_a_player_that_stops_is_told_with_its_last_words(bin_folder, tmp_path):
    path = script(bin_folder, "broken", "echo 'first' >&2; echo 'no such sink' >&2; exit 3")
    player = PipePlayer([str(path)], RATE, "raw")
    error = _raised_by(lambda: [player.write(tone(440, 60, RATE)), player.close()])
    assert str(error) == "broken stopped playing: no such sink"
    player.abort()


def test_a_player_that_ends_badly_is_told_when_it_is_closed(bin_folder):
    player = PipePlayer([str(script(bin_folder, "late", "cat > /dev/null; exit 4"))], RATE, "raw")
    player.write(tone(440, 0.1, RATE))
    with pytest.raises(NoSoundDevice, match="late stopped playing: it ended with status 4"):
        player.close()


def test_a_program_that_cannot_be_started_is_told(tmp_path):
    with pytest.raises(NoSoundDevice, match="absent cannot be started"):
        PipePlayer([str(tmp_path / "absent")], RATE, "raw")


def test_plays_a_file_where_programs_take_files_alone(bin_folder, tmp_path):
    record = tmp_path / "heard.wav"
    script(bin_folder, "afplay", f"exec cp \"$1\" '{record}'")
    player = open_player(RATE, machine=machine(bin_folder, tmp_path, "darwin"))
    assert isinstance(player, FilePlayer)
    spoken = tone(440, 0.5, RATE)
    player.write(spoken)
    player.close()
    with wave.open(str(record)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (RATE, 1, len(spoken))


def test_a_file_player_tells_why_it_failed(bin_folder):
    player = FilePlayer([str(script(bin_folder, "afplay", "echo 'no output' >&2; exit 1"))], RATE)
    player.write(tone(440, 0.1, RATE))
    with pytest.raises(NoSoundDevice, match="could not be played: no output"):
        player.close()


def test_a_file_player_whose_program_is_gone_tells_it(tmp_path):
    player = FilePlayer([str(tmp_path / "absent")], RATE)
    with pytest.raises(NoSoundDevice, match="could not be played"):
        player.close()


def test_a_file_player_that_is_aborted_plays_nothing(bin_folder, tmp_path):
    record = tmp_path / "heard.wav"
    player = FilePlayer([str(script(bin_folder, "afplay", f"exec cp \"$1\" '{record}'"))], RATE)
    player.write(tone(440, 0.1, RATE))
    player.abort()
    assert not record.exists()


def test_windows_plays_through_its_own_interpreter(bin_folder, tmp_path):
    command = machine(bin_folder, tmp_path, "win32").file_command()
    assert command[:2] == [sys.executable, "-c"]
    assert "winsound" in command[2]


def test_nothing_to_play_with(bin_folder, tmp_path):
    here = machine(bin_folder, tmp_path)
    assert not has_sound(here)
    with pytest.raises(NoSoundDevice, match="this machine has no sound device"):
        open_player(RATE, machine=here)


def test_a_device_without_a_program(bin_folder, tmp_path):
    (tmp_path / "snd").mkdir()
    (tmp_path / "snd" / "pcmC0D0p").touch()
    here = Machine("linux", {"PATH": str(bin_folder), "XDG_RUNTIME_DIR": str(tmp_path)}, tmp_path / "snd")
    assert here.servers() == {"alsa"}
    with pytest.raises(NoSoundDevice, match="are not installed"):
        open_player(RATE, machine=here)


def test_finds_a_sound_server_by_its_socket(bin_folder, tmp_path, monkeypatch):
    (tmp_path / "run" / "pulse").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path / "run")  # paths of sockets are short
        server.bind("pulse/native")
        assert machine(bin_folder, tmp_path).servers() == {"pulse"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_every_program_is_used_where_its_server_is(bin_folder, tmp_path, program):
    recorder(bin_folder, program.name, tmp_path / "heard")
    for name in {"paplay", "pw-play", "aplay", "ffplay"} - {program.name}:
        assert not (bin_folder / name).exists()
    (tmp_path / "snd").mkdir()
    (tmp_path / "snd" / "pcmC0D0p").touch()
    environ = {"PATH": str(bin_folder), "XDG_RUNTIME_DIR": str(tmp_path), "PULSE_SERVER": "x", "PIPEWIRE_REMOTE": "x"}
    assert Machine("linux", environ, tmp_path / "snd").way() == program.name


def test_samples_are_cut_at_full_scale_and_broken_ones_fall_silent():
    broken = np.array([2.0, -2.0, np.nan, 0.0], np.float32)
    assert np.frombuffer(to_pcm(broken, "<i2"), "<i2").tolist() == [32767, -32767, 0, 0]


class ScriptedPortAudio:
    """The part of `sounddevice` that is used, noting down the calls."""

    class PortAudioError(Exception):
        pass

    def __init__(self, failing=""):
        self.calls = []
        self.failing = failing

    def OutputStream(self, **settings):
        self.calls.append(("open", settings))
        return ScriptedStream(self)


class ScriptedStream:
    def __init__(self, portaudio):
        self._portaudio = portaudio
        self.closed = False

    def _note(self, name, *facts):
        self._portaudio.calls.append((name, *facts))
        if self._portaudio.failing == name:
            raise ScriptedPortAudio.PortAudioError("Device unavailable")

    def start(self):
        self._note("start")

    def write(self, samples):
        self._note("write", samples.shape, samples.dtype)

    def stop(self):
        self._note("stop")

    def abort(self, ignore_errors):
        self._note("abort")

    def close(self, ignore_errors):
        self.closed = True
        self._note("close")


def test_plays_through_portaudio():
    portaudio = ScriptedPortAudio()
    player = DevicePlayer(portaudio, RATE)
    player.write(np.zeros(5, np.float32))
    player.close()
    player.abort()
    assert portaudio.calls == [
        ("open", {"samplerate": RATE, "channels": 1, "dtype": "float32"}), ("start",),
        ("write", (5, 1), np.float32), ("stop",), ("close",),
    ]  # fmt: skip


def test_aborting_portaudio_waits_for_nothing():
    portaudio = ScriptedPortAudio()
    DevicePlayer(portaudio, RATE).abort()
    assert [name for name, *_ in portaudio.calls] == ["open", "start", "abort", "close"]


@pytest.mark.parametrize("failing", ["start", "write", "stop"])
def test_a_device_that_fails_is_told(failing):
    with pytest.raises(NoSoundDevice, match="Device unavailable"):
        _play_all(ScriptedPortAudio(failing))


def _play_all(portaudio):
    player = DevicePlayer(portaudio, RATE)
    player.write(np.zeros(5, np.float32))
    player.close()


def _raised_by(work):
    try:
        work()
    except NoSoundDevice as error:
        return error
    return None
