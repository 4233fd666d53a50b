"""One engine made safe: its breaker, its cache, its budgets, its voices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import asdict, is_dataclass, replace
from functools import lru_cache, partial
from typing import Any, ClassVar

from portevoix.audio import AudioChunk
from portevoix.cache.cache import SpeechCache
from portevoix.cache.flight import Flights
from portevoix.cache.keys import sentence_key
from portevoix.cache.recording import Recording
from portevoix.clock import Clock, system_clock
from portevoix.engine import Delivery, Engine, EngineState, LoadsVoices, Phase
from portevoix.errors import (
    CannotSay,
    EngineDied,
    EngineError,
    EngineFailed,
    EngineLoading,
    EngineTimeout,
    EngineUnavailable,
    ModelMissing,
    PortevoixError,
)
from portevoix.events import BreakerMoved, Hook, LookedUp, ignore
from portevoix.hearing import Hearing
from portevoix.holding import deliver
from portevoix.level_settings import LevelSettings
from portevoix.masking import masked
from portevoix.resilience.breaker import CircuitBreaker, State
from portevoix.resilience.guarded import PROGRAMMING_ERRORS, Guarded
from portevoix.rooms.residency import MemoryShort, Residency
from portevoix.speech import Reference, Source, Utterance, Voice, language_family
from portevoix.streams import within

logger = logging.getLogger(__name__)

KNOWN_KEYS = 1024
KNOWN_LANGUAGES = 256
REPLAY_SECONDS = 1.0
"""Length of a chunk from memory: few steps for the pipeline, little work at once for an encoder."""

LAST_RESORT_PATIENCE_SECONDS = 5.0
"""How long an engine that is loading is waited for when nobody else can speak."""

VOICE_LOADING_SECONDS = 2.0
"""How much later an engine may be that has to load the voice first: a short wait is heard less than another voice."""

TRIAL_PHRASES = {"fr": "Bonjour, ceci est un essai.", "en": "Hello, this is a trial."}


class Level(Guarded[Engine]):
    """Guard one engine of the chain.

    Every sentence is looked up in the cache under the engine and voice that speak it; equal sentences asked for at the
    same time are spoken once. The breaker counts each time the engine really worked, however many listened.
    """

    _not_ready_event: ClassVar[str] = "engine.not_ready"

    def __init__(
        self,
        engine: Engine,
        settings: LevelSettings,
        *,
        breaker: CircuitBreaker | None = None,
        cache: SpeechCache | None = None,
        options: Any = None,
        clock: Clock = system_clock,
        notify: Hook = ignore,
        residency: Residency | None = None,
    ) -> None:
        """Guard `engine`, which the level owns; `options` are the engine's own and part of a sentence's key."""
        super().__init__(engine, breaker, clock)
        self.settings = settings
        self._cache = cache
        self._options = asdict(options) if is_dataclass(options) and not isinstance(options, type) else {}
        self._clock = clock
        self._notify = notify
        self._residency = residency or Residency()
        self._has_loaded = False
        self._flights = Flights()
        self._chosen: dict[str, tuple[tuple[Voice, ...], Voice | None]] = {}
        self._key_of = lru_cache(maxsize=KNOWN_KEYS, typed=True)(self._make_key)

    def can_speak(self) -> bool:
        """Tell whether a request would be spoken, or answered with silence, by this level now.

        One that has only left memory for a while would: else a server that was idle would not be asked any more.
        """
        has_voice = any(voice.is_installed for voice in self.engine.voices())
        phase = self.state().phase
        is_there = phase is Phase.READY or (phase is Phase.IDLE and self._has_loaded)
        return is_there and not self.breaker.is_open() and has_voice

    def voice_for(self, language: str) -> Voice | None:
        """Return the voice of this level for a language: the configured one, else the engine's first that is there."""
        voices = self.engine.voices()
        known = self._chosen.get(language)
        if known is None or known[0] is not voices:
            if len(self._chosen) >= KNOWN_LANGUAGES:
                self._chosen.clear()
            known = self._chosen[language] = (voices, self._choose(voices, language))
        return known[1]

    def _choose(self, voices: tuple[Voice, ...], language: str) -> Voice | None:
        family = language_family(language)
        wanted = self.settings.voices.get(language) or self.settings.voices.get(family)
        if wanted:
            unknown = Voice(wanted, self.name, language, is_installed=False, why_not=f"voice {wanted} is not known")
            return next((voice for voice in voices if voice.name == wanted), unknown)
        fitting = [voice for voice in voices if voice.speaks(language)]
        exact = [voice for voice in fitting if voice.language.lower() == language.replace("_", "-").lower()]

        def rank(voice: Voice) -> tuple[bool, bool]:
            return not voice.is_installed, voice.family not in (family, "")

        return min(exact or fitting, key=rank, default=None)

    def refusal(self, voice: Voice) -> EngineError | None:
        """Return why the engine is not even asked, or None when it can be."""
        if self.breaker.is_open():
            self._try_to_recover(partial(self._recover, voice))
            return self._resting()
        if not voice.is_installed:
            return ModelMissing(voice.why_not or f"{self.name} lacks its voice", hint=voice.hint)
        state = self.engine.state()
        if state.phase is Phase.UNAVAILABLE:
            return _unavailable(self.name, state)
        if state.phase is not Phase.READY and self.settings.patience_seconds <= 0:
            self.begin_loading()
            return EngineLoading(f"{self.name} is loading", state.why, "Ask again in a moment.")
        return None

    def budget_seconds(self, utterance: Utterance) -> float:
        """Return how late the first audio of `utterance` may be, asked for now."""
        budget = self._budget_seconds(utterance)
        if self.engine.state().phase is Phase.READY:
            return budget
        return budget + self.settings.patience_seconds

    def _budget_seconds(self, utterance: Utterance) -> float:
        whole = self.engine.delivery is Delivery.SENTENCES or self.engine.state().makes_sentences_whole
        budget = self.settings.budget_seconds(utterance, makes_it_whole=whole)
        loads = isinstance(self.engine, LoadsVoices) and not self.engine.is_in_memory(utterance.voice.name)
        return budget + VOICE_LOADING_SECONDS if loads else budget

    async def meet(self) -> None:
        """Load an engine that does not know its voices before, so that it can be cast."""
        if self.engine.state().phase is not Phase.UNAVAILABLE:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.load(), LAST_RESORT_PATIENCE_SECONDS)

    def remembers(self, utterance: Utterance) -> bool:
        """Return whether the sentence is in memory, at once."""
        return self._cache is not None and self._cache.peek(self._key(utterance)) is not None

    async def recall(self, utterance: Utterance) -> Recording | None:
        """Return the sentence when this engine has spoken it before, also while it rests or loads."""
        if self._cache is None or self.engine.is_silent or not utterance.voice.is_installed:
            return None
        key = self._key(utterance)
        recording = self._cache.peek(key) or await self._cache.get(key)
        self._notify(LookedUp(self.name, is_hit=recording is not None))
        return recording

    def replay(self, recording: Recording, voice: Voice) -> list[AudioChunk]:
        """Return a recording's chunks, marked as this engine's and as taken from the cache."""
        source = Source(self.name, voice.name, is_cached=True)
        return [replace(chunk, source=source) for chunk in recording.chunks(REPLAY_SECONDS)]

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak a sentence, together with everybody who asks for the same one meanwhile, and remember it.

        Raises:
            EngineError: the engine refused, failed, stalled or ended without an audible frame.
        """
        await self._be_ready(utterance.voice)
        key = self._key(utterance)
        source = Source(self.name, utterance.voice.name, is_silent=self.engine.is_silent)
        flight = self._flights.join(key, lambda: self._produce(utterance), on_complete=self._keeper(key))
        async with aclosing(flight.listen()) as chunks:
            async for chunk in chunks:
                yield replace(chunk, source=source)

    async def aclose(self) -> None:
        """End the background work and close the engine."""
        await super().aclose()
        await self._residency.forget(self.engine)

    async def prove(self, language: str) -> float:
        """Speak a fixed short phrase, past breaker and cache, and return the seconds to its first audio.

        Raises:
            EngineError: it could not.
        """
        await self._load()
        voice = self.voice_for(language) or next(iter(self.engine.voices()), None)
        if voice is None:
            raise EngineUnavailable(f"{self.name} has no voice")
        if not voice.is_installed:
            raise ModelMissing(voice.why_not or f"{self.name} lacks its voice", hint=voice.hint)
        phrase = TRIAL_PHRASES.get(voice.family, TRIAL_PHRASES["en"])
        began, first = self._clock(), None
        async with aclosing(self._produce(Utterance(phrase, voice, voice.language))) as chunks:
            async for _ in chunks:
                first = first or self._clock()
        return (first or self._clock()) - began

    async def _be_ready(self, voice: Voice) -> None:
        """Wait for an engine that is on its way: who asks has decided to."""
        if isinstance(refusal := self.refusal(voice), EngineLoading) or self.engine.state().phase is not Phase.READY:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.load(), max(self.settings.patience_seconds, LAST_RESORT_PATIENCE_SECONDS))
            refusal = self.refusal(voice)
            if isinstance(refusal, EngineLoading) and isinstance(self.last_error, MemoryShort):
                refusal = self.last_error
        if refusal is not None:
            raise refusal

    async def _produce(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Run the engine and keep the breaker's books: the one place that does."""
        began = self._clock()
        budget = self._budget_seconds(utterance)
        hearing = Hearing(self.name, utterance, may_be_silent=self.engine.is_silent)
        try:
            async with aclosing(self._bounded(utterance, budget)) as chunks:
                async for chunk in chunks:
                    hearing.hear(chunk)
                    yield chunk
            hearing.end()
        except CannotSay:
            raise
        except EngineDied as error:
            self.last_error = error  # another process takes its place, and pauses by itself when that dies too
            raise
        except EngineError as error:
            self._count_failure(error, utterance.voice)
            raise
        except (GeneratorExit, asyncio.CancelledError):
            if not hearing.is_heard and self._clock() - began >= budget:
                late = EngineTimeout(f"{self.name} was late", f"no audio within {budget:.2f} s")
                self._count_failure(late, utterance.voice)
            raise
        self.breaker.succeed()

    def _bounded(self, utterance: Utterance, budget_seconds: float) -> AsyncGenerator[AudioChunk, None]:
        """Allow what nobody waits for yet its time: an engine in this process serves those first who do."""
        limit = self.settings.limit_seconds(budget_seconds) + utterance.slack_seconds
        stream = deliver(self._translated(utterance), self.engine.delivery)
        patience = max(1.0, budget_seconds) + utterance.slack_seconds
        return within(stream, limit, patience, counts_ahead=self.engine.delivery is Delivery.FRAMES)

    async def _translated(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Turn what an engine lets slip into its own failure; a programming error stays one."""
        try:
            async with self._residency.hold(self.engine), aclosing(self.engine.stream(utterance)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except (PortevoixError, *PROGRAMMING_ERRORS):
            raise
        except Exception as error:
            why = masked(f"{type(error).__name__}: {error}", utterance.text)  # it may be quoted, and this is logged
            raise EngineFailed(f"{self.name} failed", why) from error

    def _count_failure(self, error: EngineError, voice: Voice) -> None:
        self.last_error = error
        self.breaker.fail()
        if self.breaker.is_open():
            self._try_to_recover(partial(self._recover, voice))

    def _keeper(self, key: str) -> Any:
        def keep(chunks: list[AudioChunk]) -> None:
            if self._cache is not None and not self.engine.is_silent:
                self._cache.put(key, Recording.from_chunks(chunks))

        return keep

    def _key(self, utterance: Utterance) -> str:
        return self._key_of(utterance.sound)

    def _make_key(self, said: Utterance) -> str:
        return sentence_key(
            engine=self.name,
            voice=said.voice.name,
            fingerprint=said.voice.fingerprint,
            language=said.language,
            text=said.text,
            speed=said.speed,
            speaker=said.speaker,
            seed=said.seed,
            options=self._options,
            reference=_spelled(said.reference),
            parameters=dict(said.parameters),
        )

    async def _load(self) -> None:
        async with self._residency.hold(self.engine):
            await super()._load()
        self._has_loaded = True

    def _breaker_moved(self, state: State) -> None:
        super()._breaker_moved(state)
        self._notify(BreakerMoved(self.name, state, self.breaker.rest_seconds))

    async def _recover(self, voice: Voice) -> None:
        """Try the engine after each rest, with somebody else's words than the user's, until it speaks."""
        while self.breaker.is_open():
            await asyncio.sleep(self.breaker.rest_seconds)
            self.breaker.begin_trial()
            try:
                await self.prove(voice.language)
            except EngineError as error:
                logger.info("breaker.trial_failed", extra={"engine": self.name, "code": error.code})
                if self.breaker.state == "half_open":
                    self.breaker.fail()


def _spelled(reference: Reference | None) -> str:
    return f"{reference.digest} {reference.transcript}" if reference else ""


def _unavailable(name: str, state: EngineState) -> EngineError:
    kind = ModelMissing if state.code == ModelMissing.code else EngineUnavailable
    return kind(state.why or f"{name} is not ready", hint=state.hint)
