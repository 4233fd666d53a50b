"""Hum: an engine for Portevoix in one file. It has no words, but everything else is real."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from portevoix.errors import CannotClone
from portevoix.rooms.housed import Housed, HousedOptions
from portevoix.rooms.models import fingerprint_of
from portevoix.rooms.preparations import Preparations
from portevoix.rooms.recordings import read_recording
from portevoix.speech import Voice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from portevoix.rooms.narration import Passage, Samples, Setting
    from portevoix.speech import Reference

LETTER_SECONDS = 0.07
LOWEST_HZ, HIGHEST_HZ = 60, 500


@dataclass(frozen=True, slots=True)
class HumOptions(HousedOptions):
    """What the configuration may say under `backends.hum`; every field has a default."""

    loudness: float = field(default=0.3, metadata={"help": "peak of the samples", "minimum": 0.0, "maximum": 1.0})


@dataclass(frozen=True, slots=True)
class HumParameters:
    """What one request may set."""

    vibrato: float = field(default=0.0, metadata={"help": "depth of the vibrato", "minimum": 0.0, "maximum": 1.0})


class HumNarrator:
    """Does the work, in a process of its own. What is heavy is imported in here, never at the top of the file."""

    sample_rate = 16_000

    def __init__(self, setting: Setting) -> None:
        """Load the model; whatever goes wrong here is told as the model's fault."""
        model = json.loads((setting.folder / "voice.json").read_text(encoding="utf-8"))
        self._pitch_hz = float(model["pitch_hz"])
        self._loudness = setting.options.loudness
        self._prepared = Preparations(setting.cache_folder, fingerprint_of(setting.folder), ".json")

    def voices(self) -> tuple[Voice, ...]:
        """There are none inside the model that are not known before."""
        return ()

    def narrate(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield a piece of at most `most_characters`, word by word, and stop as soon as nobody listens."""
        pitch_hz = self._borrowed_pitch(passage.reference) if passage.reference else self._pitch_hz
        for word in passage.text.split():
            if is_cancelled():
                return
            yield self._hum(word, pitch_hz, passage.parameters.vibrato)

    def close(self) -> None:
        """There is nothing to give back."""

    def _hum(self, word: str, pitch_hz: float, vibrato: float) -> Samples:
        import numpy as np

        times = np.arange(round(len(word) * LETTER_SECONDS * self.sample_rate)) / self.sample_rate
        phase = 2 * np.pi * pitch_hz * times + vibrato * np.sin(2 * np.pi * 5 * times)
        fade = np.minimum(1, np.minimum(times, times[::-1]) / 0.01)
        samples: Samples = (self._loudness * fade * np.sin(phase)).astype(np.float32)
        return samples

    def _borrowed_pitch(self, reference: Reference) -> float:
        """Return the pitch of a recording; it is worked out once and kept in a file for each recording."""

        def make(path: Path) -> None:
            path.write_text(json.dumps(_pitch_hz(*read_recording(reference.path))), encoding="ascii")

        return float(self._prepared.read(reference.digest, make, lambda path: json.loads(path.read_text("ascii"))))


class Hum(Housed):
    """What Portevoix knows of the engine without starting it."""

    name: ClassVar[str] = "hum"
    summary: ClassVar[str] = "hums: one tone for each letter"
    Options = HumOptions
    Parameters = HumParameters
    Narrator = HumNarrator
    priority: ClassVar[int] = 70
    target_latency_ms: ClassVar[float] = 500.0
    environment: ClassVar[str] = ""  # runs with the packages of Portevoix itself, in a process of its own
    model: ClassVar[str] = "hum"
    files: ClassVar[tuple[str, ...]] = ("voice.json",)
    packages: ClassVar[tuple[str, ...]] = ("numpy",)
    languages: ClassVar[tuple[str, ...]] = ("fr", "en")
    licence: ClassVar[str] = "CC0-1.0"
    can_clone: ClassVar[bool] = True
    runs_on_torch: ClassVar[bool] = False
    takes_part: ClassVar[bool] = True


def _pitch_hz(samples: Samples, rate: int) -> float:
    """Return the pitch of a voice by its autocorrelation."""
    import numpy as np

    if len(samples) < rate // 2:
        raise CannotClone("the recording is too short", "it takes half a second to hear a pitch")
    part = samples[: 2 * rate]
    likeness = np.fft.irfft(np.abs(np.fft.rfft(part, 2 * len(part))) ** 2)
    lags = slice(rate // HIGHEST_HZ, rate // LOWEST_HZ)
    if likeness[0] <= 0:
        raise CannotClone("the recording is silent", "there is no pitch in it")
    return float(rate / (lags.start + int(np.argmax(likeness[lags]))))
