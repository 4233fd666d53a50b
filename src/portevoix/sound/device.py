"""Playing through PortAudio, by the optional package `sounddevice`."""

from __future__ import annotations

import sys
from ctypes.util import find_library
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from portevoix.errors import NoSoundDevice

if TYPE_CHECKING:
    from portevoix.audio import Samples


def is_installed() -> bool:
    """Tell whether the package is there and has its library, which comes with it except on Linux; imports neither."""
    if find_spec("sounddevice") is None:
        return False
    return sys.platform in ("win32", "darwin") or find_library("portaudio") is not None


def portaudio() -> Any:
    """Return the imported package.

    Raises:
        NoSoundDevice: it is not installed, or lacks the PortAudio library.
    """
    try:
        return import_module("sounddevice")
    except (ImportError, OSError) as error:
        hint = "Install it: pip install 'portevoix[sound]', and libportaudio2 on Linux."
        raise NoSoundDevice("sounddevice cannot be used", str(error), hint) from error


class DevicePlayer:
    """Play through an output stream of PortAudio."""

    def __init__(self, sounddevice: Any, sample_rate: int) -> None:
        """Open the default output device at `sample_rate` Hz; `sounddevice` is the package of that name.

        Raises:
            NoSoundDevice: there is no output device, or it refuses.
        """
        self._error = sounddevice.PortAudioError
        try:
            self._stream = sounddevice.OutputStream(samplerate=sample_rate, channels=1, dtype="float32")
            self._stream.start()
        except (self._error, ValueError) as error:
            raise NoSoundDevice("the sound device cannot be opened", str(error), "Write a file with -o.") from error

    def write(self, samples: Samples) -> None:
        """Take float32 mono samples (n,); blocks while the device has enough.

        Raises:
            NoSoundDevice: the device has gone.
        """
        try:
            self._stream.write(np.ascontiguousarray(samples, np.float32)[:, np.newaxis])
        except self._error as error:
            raise NoSoundDevice("the sound device stopped playing", str(error), "Write a file with -o.") from error

    def close(self) -> None:
        """Wait until everything has been played.

        Raises:
            NoSoundDevice: the device has gone.
        """
        try:
            self._stream.stop()
        except self._error as error:
            raise NoSoundDevice("the sound device stopped playing", str(error), "Write a file with -o.") from error
        finally:
            self._stream.close(ignore_errors=True)

    def abort(self) -> None:
        """Fall silent at once."""
        if not self._stream.closed:
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)
