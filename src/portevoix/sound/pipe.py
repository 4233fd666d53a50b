"""Playing through a program that reads audio from a pipe."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal

from portevoix.errors import NoSoundDevice
from portevoix.sound.player import to_pcm

if TYPE_CHECKING:
    from portevoix.audio import Samples

Framing = Literal["raw", "au"]

GRACE_SECONDS = 10.0
"""How much longer than the audio itself a program may take to end."""

AU_UNKNOWN_BYTES = 0xFFFFFFFF
AU_16_BIT = 3


@dataclass(frozen=True, slots=True)
class Program:
    """Describe a program that plays what it reads from its standard input.

    Attributes:
        name: as it is found on the path.
        servers: what of a machine's sound it needs one of: `pulse`, `pipewire`, `alsa`.
        arguments: `{rate}` stands for the sample rate in Hz.
        framing: bare little-endian samples, or a Sun AU file: a format of unknown length that is read from pipes.
    """

    name: str
    servers: tuple[str, ...]
    arguments: tuple[str, ...]
    framing: Framing

    def command(self, path: str, sample_rate: int) -> list[str]:
        """Return the command line for the program found at `path`."""
        return [path, *(argument.format(rate=sample_rate) for argument in self.arguments)]


PROGRAMS = (
    Program(
        "paplay", ("pulse",), ("--raw", "--format=s16le", "--channels=1", "--rate={rate}", "--latency-msec=80"), "raw"
    ),
    Program("pw-play", ("pipewire",), ("-",), "au"),
    Program("aplay", ("alsa",), ("-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", "{rate}", "-"), "raw"),
    Program(
        "ffplay",
        ("pulse", "pipewire", "alsa"),
        ("-nodisp", "-autoexit", "-loglevel", "error", "-f", "au", "-i", "-"),
        "au",
    ),
)
"""Programs that play from a pipe on Linux, those that begin soonest first."""


class PipePlayer:
    """Play through a child process, which owns the device."""

    def __init__(self, command: list[str], sample_rate: int, framing: Framing) -> None:
        """Start `command`, to be fed with audio of `sample_rate` Hz.

        Raises:
            NoSoundDevice: it cannot be started.
        """
        self._name = command[0].replace("\\", "/").rsplit("/", 1)[-1]
        self._dtype = ">i2" if framing == "au" else "<i2"
        self._sample_rate = sample_rate
        self._seconds = 0.0
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._complaints,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._complaints.close()
            raise NoSoundDevice(f"{self._name} cannot be started", str(error), "Write a file with -o.") from error
        self._due = au_header(sample_rate) if framing == "au" else b""

    def write(self, samples: Samples) -> None:
        """Take float32 mono samples (n,); blocks while the program has enough.

        Raises:
            NoSoundDevice: the program has ended.
        """
        content, self._due = self._due + to_pcm(samples, self._dtype), b""
        self._seconds += len(samples) / self._sample_rate
        try:
            self._pipe.write(content)
            self._pipe.flush()
        except (OSError, ValueError) as error:
            raise self._gone() from error

    def close(self) -> None:
        """Wait until the program has played everything.

        Raises:
            NoSoundDevice: it ended with an error, or did not end.
        """
        with suppress(OSError, ValueError):
            self._pipe.close()
        try:
            status = self._child.wait(self._seconds + GRACE_SECONDS)
            if status:
                raise self._gone()
        except subprocess.TimeoutExpired as error:
            raise NoSoundDevice(f"{self._name} does not end", hint="Check the sound device.") from error
        finally:
            self.abort()

    def abort(self) -> None:
        """End the program at once."""
        self._child.kill()
        self._child.wait()
        with suppress(OSError, ValueError):
            self._pipe.close()
        self._complaints.close()

    @property
    def _pipe(self) -> IO[bytes]:
        if self._child.stdin is None:
            raise AssertionError("the child was started with a pipe")
        return self._child.stdin

    def _gone(self) -> NoSoundDevice:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(1.0)
        return NoSoundDevice(f"{self._name} stopped playing", self._last_words(), "Write a file with -o.")

    def _last_words(self) -> str:
        """Return the last line that the program complained with."""
        if self._complaints.closed:
            return "it was stopped"
        self._complaints.seek(0)
        lines = self._complaints.read(65_536).decode(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else f"it ended with status {self._child.returncode}"


def au_header(sample_rate: int) -> bytes:
    """Return the 24 bytes before 16-bit big-endian mono samples in a Sun AU file of unknown length."""
    return struct.pack(">4s5I", b".snd", 24, AU_UNKNOWN_BYTES, AU_16_BIT, sample_rate, 1)
