"""Choosing what plays the audio."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from portevoix.errors import NoSoundDevice
from portevoix.sound import device
from portevoix.sound.file import FilePlayer
from portevoix.sound.machine import Machine
from portevoix.sound.pipe import PipePlayer

if TYPE_CHECKING:
    from portevoix.sound.player import Player


def has_sound(machine: Machine | None = None) -> bool:
    """Tell whether audio can probably be played here; takes about a millisecond, opens no device."""
    return bool((machine or Machine()).way())


def open_player(sample_rate: int, *, lead_in_seconds: float = 0.0, machine: Machine | None = None) -> Player:
    """Open the sound device for one stream.

    Args:
        sample_rate: Hz.
        lead_in_seconds: silence to begin with, for devices that need time to wake and would swallow the first word.
        machine: where to look; this machine when None.

    Raises:
        NoSoundDevice: nothing here can play audio.
    """
    player = _open(sample_rate, machine or Machine())
    if lead_in_seconds > 0:
        player.write(np.zeros(round(lead_in_seconds * sample_rate), np.float32))
    return player


def _open(sample_rate: int, machine: Machine) -> Player:
    if device.is_installed() and (machine.platform != "linux" or machine.servers()):
        with suppress(NoSoundDevice):
            return device.DevicePlayer(device.portaudio(), sample_rate)
    if command := machine.file_command():
        return FilePlayer(command, sample_rate)
    for program, path in machine.piped_programs():
        return PipePlayer(program.command(path, sample_rate), sample_rate, program.framing)
    raise NoSoundDevice("there is nothing to play with", _why(machine), "Write a file with -o.")


def _why(machine: Machine) -> str:
    if machine.platform == "linux" and machine.servers():
        return "paplay, pw-play, aplay and ffplay are not installed"
    return "this machine has no sound device"
