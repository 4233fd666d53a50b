"""espeak-ng as a blocking synthesizer: over a hundred languages, no model, no network."""

from __future__ import annotations

import queue
import threading
import unicodedata
from typing import TYPE_CHECKING

from portevoix.audio import AudioChunk
from portevoix.errors import EngineError, VoiceNotFound
from portevoix.system.espeak_library import (
    ABORT,
    CONTINUE,
    SAMPLE_RATE,
    EspeakFiles,
    Manner,
    WordEvent,
    bundled_files,
    open_library,
)
from portevoix.system.espeak_voices import named_voices, speakable
from portevoix.system.samples import samples_from_pcm
from portevoix.system.words import Piece, WordCutter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portevoix.speech import Utterance, Voice

WORDS_PER_MINUTE = 175
SLOWEST_WORDS_PER_MINUTE = 80
"""The library goes no slower; below it the pauses between words grow instead."""

GAP_UNITS = 25
"""Word gap that makes speech at the slowest pace take twice as long (measured on French and English sentences)."""

AHEAD_PIECES = 8


class EspeakSynthesizer:
    """Speak with espeak-ng; one utterance at a time, on one thread of its own while it lasts."""

    def __init__(self, rate: int = 0, volume: int = 100, *, files: EspeakFiles | None = None) -> None:
        """Look up what voices there are.

        Args:
            rate: -10 to 10; 10 is three times as fast as 0, -10 a third.
            volume: 0 to 100.
            files: library and data; those that espeakng-loader brings along by default.

        Raises:
            EngineUnavailable: the library or its data is missing.
        """
        self._rate = rate
        self._volume = volume
        self._files = files or bundled_files()
        with open_library(self._files) as library:
            listed = speakable(library.voices(), self._files.data)
            self._voices = named_voices(listed, library.version())

    def voices(self) -> tuple[Voice, ...]:
        """Return its voices, the best of each language first; their `engine` is for the engine to fill in."""
        return tuple(voice for voice, _ in self._voices.values())

    def speak(self, utterance: Utterance, is_cancelled: Callable[[], bool]) -> Iterator[AudioChunk]:
        """Yield the utterance word by word at 22050 Hz; equal utterances give equal samples.

        Raises:
            VoiceNotFound: the voice is none of these.
            EngineFailed: the library refused.
        """
        identifier = self._identifier(utterance.voice.name)
        manner = manner_of(utterance, self._rate, self._volume)
        handover = _Handover(is_cancelled)
        order = (self._files, plain(utterance.text), identifier, manner, handover)
        speaking = threading.Thread(target=_speak, args=order, name="espeak", daemon=True)
        speaking.start()
        try:
            yield from _chunks(handover, utterance.text)
        finally:
            handover.stop()
            speaking.join()

    def close(self) -> None:
        """Hold nothing between utterances, so give nothing back."""

    def _identifier(self, name: str) -> str:
        if name not in self._voices:
            raise VoiceNotFound(f"espeak-ng has no voice {name}", hint="Run `portevoix voices`.", param="voice")
        return self._voices[name][1]


def manner_of(utterance: Utterance, rate: int, volume: int) -> Manner:
    """Return the pace for an utterance's speed and the configured rate (-10 to 10)."""
    words_per_minute = WORDS_PER_MINUTE * utterance.speed * 3.0 ** (rate / 10)
    lack = max(1.0, SLOWEST_WORDS_PER_MINUTE / words_per_minute)
    pace = max(SLOWEST_WORDS_PER_MINUTE, round(words_per_minute))
    return Manner(pace, round(GAP_UNITS * (lack - 1)), volume, utterance.seed)


def plain(text: str) -> str:
    """Return the text with every character that is no text (control, surrogate) as a space, so that places stay.

    A control character would begin a command to the library.
    """
    return "".join(" " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text)


class _Handover:
    """Pass pieces from the library's callback to whoever listens, a few ahead."""

    def __init__(self, is_cancelled: Callable[[], bool]) -> None:
        self._pieces: queue.Queue[Piece | EngineError | None] = queue.Queue(AHEAD_PIECES)
        self._is_cancelled = is_cancelled
        self._is_stopped = False

    def take(self, pcm: bytes, words: tuple[WordEvent, ...]) -> int:
        if self._is_stopped or self._is_cancelled():
            return ABORT
        self._pieces.put(Piece(pcm, words))
        return CONTINUE

    def end(self, error: EngineError | None = None) -> None:
        self._pieces.put(error)

    def stop(self) -> None:
        """Let the callback abort: what waits for room finds it, and what comes after is refused."""
        self._is_stopped = True
        while not self._pieces.empty():
            self._pieces.get_nowait()

    def __iter__(self) -> Iterator[Piece]:
        while (piece := self._pieces.get()) is not None:
            if isinstance(piece, EngineError):
                raise piece
            yield piece


def _speak(files: EspeakFiles, text: str, identifier: str, manner: Manner, handover: _Handover) -> None:
    error = None
    try:
        with open_library(files) as library:
            library.speak(text, identifier, manner, handover.take)
    except EngineError as caught:
        error = caught
    handover.end(error)


def _chunks(pieces: _Handover, text: str) -> Iterator[AudioChunk]:
    cutter = WordCutter(text, SAMPLE_RATE)
    for piece in pieces:
        yield from (AudioChunk(samples_from_pcm(pcm), SAMPLE_RATE, marks) for pcm, marks in cutter.add(piece))
    yield from (AudioChunk(samples_from_pcm(pcm), SAMPLE_RATE, marks) for pcm, marks in cutter.end())
