"""Playing through a program that only takes finished files, as on macOS and Windows."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.errors import NoSoundDevice
from portevoix.sound.player import to_pcm

if TYPE_CHECKING:
    from portevoix.audio import Samples


class FilePlayer:
    """Gather the audio in a WAVE file, and play it when it is complete."""

    def __init__(self, command: list[str], sample_rate: int) -> None:
        """Play with `command`, to which the file's path is added; `sample_rate` in Hz."""
        self._command = command
        self._folder = tempfile.TemporaryDirectory(prefix="portevoix-")
        self._path = Path(self._folder.name) / "speech.wav"
        self._file = wave.open(str(self._path), "wb")  # noqa: SIM115 - closed with the player
        self._file.setparams((1, 2, sample_rate, 0, "NONE", ""))
        self._child: subprocess.Popen[bytes] | None = None
        self._is_aborted = False

    def write(self, samples: Samples) -> None:
        """Keep float32 mono samples (n,); never blocks."""
        self._file.writeframes(to_pcm(samples, "<i2"))

    def close(self) -> None:
        """Play the file and wait until it has been played.

        Raises:
            NoSoundDevice: the program cannot be started, or ended with an error.
        """
        self._file.close()
        try:
            self._child = subprocess.Popen([*self._command, str(self._path)], stderr=subprocess.PIPE)
            complaints = self._child.communicate()[1].decode(errors="replace").strip()
            if self._child.returncode and not self._is_aborted:
                raise NoSoundDevice("the speech could not be played", complaints[-200:], "Write a file with -o.")
        except OSError as error:
            raise NoSoundDevice("the speech could not be played", str(error), "Write a file with -o.") from error
        finally:
            self.abort()

    def abort(self) -> None:
        """End the program at once and remove the file."""
        self._is_aborted = True
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        with suppress(OSError):
            self._file.close()
        self._folder.cleanup()
