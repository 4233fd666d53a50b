"""macOS's own voices through the `say` program. Untried: written against its manual, never run on macOS."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from portevoix.audio import AudioChunk
from portevoix.errors import EngineFailed, EngineUnavailable, VoiceNotFound
from portevoix.speech import Voice, WordMark
from portevoix.system.samples import samples_from_wav

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from portevoix.speech import Utterance

SAMPLE_RATE = 22050
WORDS_PER_MINUTE = 175
LOOK_SECONDS = 0.05
"""How often a running utterance is asked whether it is still wanted."""

_VOICE_LINE = re.compile(r"^(?P<name>\S.*?)\s+(?P<language>[a-z]{2,3}[_-][A-Za-z0-9]{2,4})\s+#")


class Runner(Protocol):
    """Run a program to its end."""

    def __call__(self, command: Sequence[str], text: str, is_cancelled: Callable[[], bool]) -> str:
        """Give `text` to its standard input and return its standard output; kill it once it is cancelled.

        Raises:
            OSError: it cannot be started.
            subprocess.CalledProcessError: it ended with an error.
        """


def run(command: Sequence[str], text: str, is_cancelled: Callable[[], bool]) -> str:
    """Run a program as `Runner` says."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        given: bytes | None = text.encode("utf-8", "replace")
        while True:
            try:
                output, errors = process.communicate(given, timeout=LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                given = None
                if is_cancelled():
                    process.kill()
    if process.returncode and not is_cancelled():
        raise subprocess.CalledProcessError(process.returncode, list(command), output, errors)
    return output.decode("utf-8", "replace")


class SaySynthesizer:
    """Speak with macOS's voices, one process per utterance."""

    def __init__(self, rate: int = 0, volume: int = 100, *, runner: Runner = run) -> None:
        """Look up what voices there are.

        Args:
            rate: -10 to 10; 10 is three times as fast as 0.
            volume: 0 to 100.
            runner: what runs the program.

        Raises:
            EngineUnavailable: there is no `say` program, or it has no voice.
        """
        self._rate = rate
        self._volume = volume
        self._run = runner
        try:
            listing = runner(["say", "-v", "?"], "", lambda: False)
        except (OSError, subprocess.CalledProcessError) as error:
            raise EngineUnavailable("macOS's voices cannot be used", str(error)) from error
        self._voices = {voice.name: voice for voice in voices_in(listing)}
        if not self._voices:
            raise EngineUnavailable("macOS has no voice", "", "Add one under System Settings, Accessibility.")

    def voices(self) -> tuple[Voice, ...]:
        """Return its voices, under the names that macOS shows."""
        return tuple(self._voices.values())

    def speak(self, utterance: Utterance, is_cancelled: Callable[[], bool]) -> Iterator[AudioChunk]:
        """Yield the utterance as one chunk with one mark over all of it; nothing when it is cancelled.

        Raises:
            VoiceNotFound: the voice is none of these.
            EngineFailed: the program failed, or wrote no audio.
        """
        if utterance.voice.name not in self._voices:
            raise VoiceNotFound(f"macOS has no voice {utterance.voice.name}", hint="Run `portevoix voices`.")
        with tempfile.TemporaryDirectory(prefix="portevoix-") as folder:
            wav = self._written(utterance, Path(folder) / "speech.wav", is_cancelled)
        if not is_cancelled():
            samples, rate = samples_from_wav(wav)
            mark = WordMark(0, len(utterance.text), 0.0, len(samples) / rate)
            yield AudioChunk(samples * (self._volume / 100), rate, (mark,))

    def close(self) -> None:
        """Hold nothing between utterances, so give nothing back."""

    def _written(self, utterance: Utterance, file: Path, is_cancelled: Callable[[], bool]) -> bytes:
        pace = round(WORDS_PER_MINUTE * utterance.speed * 3.0 ** (self._rate / 10))
        command = [
            "say", "-v", utterance.voice.name, "-r", str(pace), "-o", str(file), "-f", "-",
            "--file-format=WAVE", f"--data-format=LEI16@{SAMPLE_RATE}",
        ]  # fmt: skip
        try:
            self._run(command, plain(utterance.text), is_cancelled)
            return b"" if is_cancelled() else file.read_bytes()
        except (OSError, subprocess.CalledProcessError) as error:
            raise EngineFailed("macOS's voice failed", str(error)) from error


def plain(text: str) -> str:
    """Return the text without what the program would obey: commands stand in double brackets."""
    return text.replace("[[", "[ [").replace("]]", "] ]")


def voices_in(listing: str) -> Iterator[Voice]:
    """Yield the voices that `say -v ?` lists: name, language, and an example after `#`."""
    for line in listing.splitlines():
        if match := _VOICE_LINE.match(line):
            name, language = match["name"], match["language"].replace("_", "-")
            yield Voice(name, "", language, SAMPLE_RATE, fingerprint=f"say {name}")
