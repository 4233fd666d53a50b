"""Listen to an engine as a person would."""

from __future__ import annotations

from portevoix.audio import AudioChunk
from portevoix.dsp.loudness import is_audible
from portevoix.errors import EngineFailed, EngineSilent
from portevoix.speech import Utterance
from portevoix.text.speakable import estimate_seconds, word_spans


class Hearing:
    """Listen to an engine as a person would: did it say anything, did it fall silent, did it say all of it?"""

    LONGEST_PAUSE_SECONDS = 3.0
    RUNAWAY_SECONDS = 20.0
    RUNAWAY_FACTOR = 12.0

    def __init__(self, name: str, utterance: Utterance, *, may_be_silent: bool) -> None:
        self._name = name
        self._text = utterance.text
        self._may_be_silent = may_be_silent
        self._limit_seconds = self.RUNAWAY_SECONDS + self.RUNAWAY_FACTOR * estimate_seconds(utterance.text)
        self._limit_seconds /= min(1.0, utterance.speed)
        self._seconds = 0.0
        self._pause_seconds = 0.0
        self._said: int | None = None
        self.is_heard = may_be_silent

    def hear(self, chunk: AudioChunk) -> None:
        """Hear a chunk.

        Raises:
            EngineSilent: there has been nothing but silence for too long.
            EngineFailed: it has run away: the text is long over.
        """
        self._seconds += chunk.seconds
        if self._seconds > self._limit_seconds:
            raise EngineFailed(f"{self._name} ran away", f"it spoke for more than {self._limit_seconds:.0f} s")
        if chunk.marks:
            self._said = max(mark.end for mark in chunk.marks)
        if self._may_be_silent or is_audible(chunk.samples):
            self._pause_seconds, self.is_heard = 0.0, True
            return
        self._pause_seconds += chunk.seconds
        if self._pause_seconds > self.LONGEST_PAUSE_SECONDS:
            raise EngineSilent(f"{self._name} fell silent", f"for {self._pause_seconds:.1f} s")

    def end(self) -> None:
        """Hear the end.

        Raises:
            EngineSilent: nothing was heard.
            EngineFailed: the engine marks its words, and some are missing.
        """
        if not self.is_heard:
            raise EngineSilent(f"{self._name} ended without an audible frame")
        if self._said is not None and word_spans(self._text[self._said :]):
            raise EngineFailed(f"{self._name} stopped early", "it left words unsaid")
