"""An engine that does what a test tells it to: tones for words, and every fault that an engine can have.

Each word is a burst of its own tone with a pause after it, so that `hear_words` can tell from samples alone which words
were said, how often and in which order. Time passes through `asyncio.sleep` only, so it works in real and in virtual
time.

```
engine = ScriptedEngine("alpha", faults=[fails(after_words=2)])      # breaks once, in its first sentence
registry = {"alpha": kind("alpha", seconds_per_word=0.1)}            # a class, for whoever builds engines by class
```
"""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from portevoix.audio import AudioChunk
from portevoix.engine import Delivery, EngineState, Phase
from portevoix.errors import CannotSay, EngineDied, EngineFailed, InvalidParameter
from portevoix.speech import Utterance, Voice, WordMark

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from numpy.typing import NDArray

TONE_SECONDS = 0.1
PAUSE_SECONDS = 0.05
LOWEST_HZ, STEP_HZ, TONES = 300, 25, 120


@dataclass(frozen=True)
class Fault:
    """Say what goes wrong in one utterance, and when.

    Attributes:
        kind: `fail` raises EngineFailed, `die` EngineDied, `crash` raises TypeError,
            `refuse` InvalidParameter, `cannot` CannotSay, `hang` never goes on, `mute` goes on with silence,
            `end` stops as if all had been said.
        after_words: how many words are spoken before.
    """

    kind: Literal["fail", "die", "crash", "refuse", "cannot", "hang", "mute", "end"]
    after_words: int = 0


def fails(after_words: int = 0) -> Fault:
    return Fault("fail", after_words)


def dies(after_words: int = 0) -> Fault:
    return Fault("die", after_words)


def refuses(after_words: int = 0) -> Fault:
    return Fault("refuse", after_words)


def cannot_say() -> Fault:
    return Fault("cannot")


def crashes(after_words: int = 0) -> Fault:
    return Fault("crash", after_words)


def hangs(after_words: int = 0) -> Fault:
    return Fault("hang", after_words)


def falls_mute(after_words: int = 0) -> Fault:
    return Fault("mute", after_words)


def ends(after_words: int = 0) -> Fault:
    return Fault("end", after_words)


@dataclass(frozen=True)
class Options:
    """The scripted engine has no options of its own."""


class ScriptedEngine:
    """Speak tones, one chunk for each word, marked.

    Attributes:
        asked: every utterance that was asked for.
        words: every word that was spoken, in order.
        listeners: streams that are open now.
        phase: where the engine stands; a test may set it.
        faults: what goes wrong in the utterances to come, one entry each; None in it stands for a sound one.
        fault: what goes wrong in every utterance that has no entry in `faults`.
    """

    name = "scripted"
    summary = "speaks tones"
    Options = Options
    priority = 10
    target_latency_ms = 1000.0
    delivery = Delivery.WORDS
    is_silent = False

    def __init__(
        self,
        name: str = "scripted",
        *,
        voices: Sequence[Voice] | None = None,
        languages: Sequence[str] = ("fr-FR", "en-US"),
        sample_rate: int = 16_000,
        first_word_seconds: float = 0.0,
        seconds_per_word: float = 0.0,
        load_seconds: float = 0.0,
        load_error: Exception | None = None,
        phase: Phase = Phase.READY,
        why: str = "",
        hint: str = "",
        faults: Iterable[Fault | None] = (),
        fault: Fault | None = None,
        priority: int = 10,
        target_latency_ms: float = 1000.0,
        delivery: Delivery = Delivery.WORDS,
        is_silent: bool = False,
    ) -> None:
        """Begin in `phase`.

        Args:
            name: of the engine.
            voices: its voices; one called `<name>-<family>` for each of `languages` when None.
            languages: see `voices`.
            sample_rate: Hz.
            first_word_seconds: time before the first word of an utterance.
            seconds_per_word: time before each other word.
            load_seconds: how long loading takes.
            load_error: what loading raises.
            phase: where the engine stands until it is loaded.
            why: of the state that is not ready.
            hint: of the same.
            faults: what goes wrong in the first utterances.
            fault: what goes wrong in all others.
            priority: place in the chain.
            target_latency_ms: first audio that is expected of it.
            delivery: what the level may pass on before it is certain.
            is_silent: speaks zeros, as the last resort does.
        """
        self.name = name
        self.sample_rate = sample_rate
        self.phase, self.why, self.hint = phase, why, hint
        self.faults, self.fault = list(faults), fault
        self.priority, self.target_latency_ms = priority, target_latency_ms
        self.delivery, self.is_silent = delivery, is_silent
        self.first_word_seconds, self.seconds_per_word = first_word_seconds, seconds_per_word
        self._load_seconds, self._load_error = load_seconds, load_error
        self._voices = tuple(voices) if voices is not None else _voices(name, languages, sample_rate)
        self.asked: list[Utterance] = []
        self.words: list[str] = []
        self.listeners = 0
        self.is_closed = False

    def state(self) -> EngineState:
        is_ready = self.phase is Phase.READY
        return EngineState(self.phase, "" if is_ready else self.why, "" if is_ready else self.hint)

    def voices(self) -> tuple[Voice, ...]:
        return self._voices

    async def load(self) -> None:
        if self.phase is Phase.UNAVAILABLE and self._load_error is None:
            return
        await asyncio.sleep(self._load_seconds)
        if self._load_error is not None:
            self.phase, self.why = Phase.UNAVAILABLE, str(self._load_error)
            raise self._load_error
        self.phase = Phase.READY

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        self.asked.append(utterance)
        fault = self.faults.pop(0) if self.faults else self.fault
        self.listeners += 1
        try:
            async for chunk in self._speak(utterance, fault):
                yield chunk
        finally:
            self.listeners -= 1

    async def aclose(self) -> None:
        self.is_closed = True

    async def _speak(self, utterance: Utterance, fault: Fault | None) -> AsyncGenerator[AudioChunk, None]:
        seconds = 0.0
        is_mute = self.is_silent
        for count, word in enumerate(re.finditer(r"\S+", utterance.text)):
            await asyncio.sleep(self.seconds_per_word if count else self.first_word_seconds)
            if fault is not None and count >= fault.after_words:
                if fault.kind == "end":
                    return
                await _go_wrong(fault, self.name)
                is_mute = True
            self.words.append(word.group())
            chunk = self._word(word, seconds, utterance.speed, is_mute=is_mute)
            seconds += chunk.seconds
            yield chunk
        if fault is not None and fault.kind in ("fail", "die", "crash", "hang"):
            await _go_wrong(fault, self.name)

    def _word(self, word: re.Match[str], began: float, speed: float, *, is_mute: bool) -> AudioChunk:
        samples = burst(word.group(), self.sample_rate, speed)
        mark = WordMark(word.start(), word.end(), began, began + len(samples) / self.sample_rate)
        return AudioChunk(samples * np.float32(not is_mute), self.sample_rate, (mark,))


async def _go_wrong(fault: Fault, name: str) -> None:
    match fault.kind:
        case "fail":
            raise EngineFailed(f"{name} broke", "the script says so")
        case "die":
            raise EngineDied(f"{name} died", "the script says so")
        case "refuse":
            raise InvalidParameter(f"{name} refuses", "the script says so")
        case "cannot":
            raise CannotSay(f"{name} has no sounds for this")
        case "crash":
            raise TypeError("the script has a mistake in it")
        case "hang":
            await asyncio.Event().wait()


def kind(name: str, **script: Any) -> type[ScriptedEngine]:
    """Return a class of engines that follow a script; those that were made of it are in its list `made`."""

    class Kind(ScriptedEngine):
        made: list[ScriptedEngine] = []  # noqa: RUF012 - one list for each kind

        def __init__(self, options: Any, surroundings: Any) -> None:
            super().__init__(name, **script)
            Kind.made.append(self)

    Kind.name = name
    for fact in ("priority", "target_latency_ms", "delivery", "is_silent"):
        setattr(Kind, fact, script.get(fact, getattr(ScriptedEngine, fact)))
    return Kind


def word_hz(word: str) -> float:
    """Return the tone of a word; two words may share one, `hear_words` then complains."""
    return LOWEST_HZ + STEP_HZ * (zlib.crc32(word.encode()) % TONES)


def burst(word: str, sample_rate: int, speed: float = 1.0) -> NDArray[np.float32]:
    """Return a word: its tone with soft ends, then a pause."""
    times = np.arange(round(TONE_SECONDS / speed * sample_rate)) / sample_rate
    tone = 0.5 * np.sin(2 * np.pi * word_hz(word) * times) * np.sin(np.pi * times * speed / TONE_SECONDS) ** 0.5
    pause = np.zeros(round(PAUSE_SECONDS / speed * sample_rate))
    return np.concatenate([tone, pause]).astype(np.float32)


def hear_words(samples: NDArray[np.float32], sample_rate: int, vocabulary: Iterable[str]) -> list[str]:
    """Return the words that were said, in order, by the tones of the bursts in `samples`."""
    words = {word_hz(word): word for word in sorted(set(vocabulary))}
    assert len(words) == len(set(vocabulary)), "two words of the vocabulary share a tone"
    return [_nearest(words, part, sample_rate) for part in _bursts(samples, sample_rate)]


def _bursts(samples: NDArray[np.float32], sample_rate: int) -> list[NDArray[np.float32]]:
    """Cut at pauses: stretches of at least 10 ms below a hundredth of full scale."""
    reach = round(0.01 * sample_rate)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    if not len(loud):
        return []
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > reach) + 1)
    return [samples[part[0] : part[-1] + 1] for part in parts if len(part) > reach]


def _nearest(words: dict[float, str], part: NDArray[np.float32], sample_rate: int) -> str:
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 15))
    heard_hz = int(np.argmax(spectrum)) * sample_rate / (1 << 15)
    return words[min(words, key=lambda hz: abs(hz - heard_hz))]


def _voices(name: str, languages: Sequence[str], sample_rate: int) -> tuple[Voice, ...]:
    return tuple(
        Voice(f"{name}-{language.split('-', maxsplit=1)[0]}", name, language, sample_rate, fingerprint=name)
        for language in languages
    )
