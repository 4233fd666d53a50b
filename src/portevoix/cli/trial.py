"""One trial of who can speak: a text through some levels, past the cache, with what is to be measured."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from portevoix.codecs import wav_file
from portevoix.dsp.loudness import is_audible
from portevoix.errors import EngineUnavailable, PortevoixError
from portevoix.speaker import Speaker
from portevoix.speech import SpeechReport, SpeechRequest, Voice, language_family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portevoix.app import App
    from portevoix.audio import Samples
    from portevoix.level import Level

PHRASES = {
    "fr": "Bonjour, je suis la voix de cette machine. M'entendez-vous bien ?",
    "en": "Hello, I am the voice of this machine. Can you hear me well?",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """Hold what came of one trial.

    Attributes:
        report: who spoke, as far as it came.
        samples: float32, shape (n,), what was heard.
        sample_rate: Hz; 0 when nothing was heard.
        seconds: from the request to the end.
        error: why it did not come to its end, or None.
    """

    report: SpeechReport = field(default_factory=SpeechReport)
    samples: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    sample_rate: int = 0
    seconds: float = 0.0
    error: PortevoixError | None = None

    @property
    def audio_seconds(self) -> float:
        """Return the length of what was heard."""
        return len(self.samples) / self.sample_rate if self.sample_rate else 0.0

    @property
    def real_time_factor(self) -> float | None:
        """Return the seconds of work for each second of speech."""
        return self.seconds / self.audio_seconds if self.audio_seconds else None

    @property
    def first_audio_ms(self) -> float | None:
        """Return when it was first heard, in milliseconds."""
        first = self.report.first_audio_seconds
        return None if first is None else first * 1000

    @property
    def is_audible(self) -> bool:
        """Tell whether there is something to hear."""
        return is_audible(self.samples)

    def wav(self) -> bytes:
        """Return what was heard as a WAVE file; there must be something."""
        return wav_file(self.samples, self.sample_rate)


async def speak_with(app: App, levels: Sequence[Level], text: str, language: str) -> Trial:
    """Speak `text` with `levels` alone, in their order, and return what came of it."""
    began = time.monotonic()
    chain = app.chain.only(*(level.name for level in levels))
    try:
        voice = _first_voice(levels, language)
        request = SpeechRequest(text, f"{voice.engine}:{voice.name}", language, reads_cache=False)
        speech = await Speaker(chain, app.speaker.settings).open(request)
        heard = [chunk.samples async for chunk in speech]
        await chain.settle()
    except PortevoixError as error:
        return Trial(seconds=time.monotonic() - began, error=error)
    return Trial(speech.report, np.concatenate(heard), speech.sample_rate, time.monotonic() - began)


def phrase(language: str) -> str:
    """Return what a trial says in a language; English where it has nothing of its own."""
    return PHRASES.get(language_family(language), PHRASES["en"])


def _first_voice(levels: Sequence[Level], language: str) -> Voice:
    voices = [voice for level in levels if (voice := level.voice_for(language)) is not None]
    if not voices:
        names = ", ".join(level.name for level in levels)
        raise EngineUnavailable(f"nobody speaks {language!r}", f"asked were {names}", "Run `portevoix voices`.")
    return voices[0]
