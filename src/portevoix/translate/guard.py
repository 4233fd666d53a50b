"""One translation engine made safe: its breaker, its budgets, its memory, and what must not be lost on the way."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from portevoix.clock import Clock, system_clock
from portevoix.engine import Phase
from portevoix.errors import (
    EngineDied,
    EngineError,
    EngineFailed,
    EngineTimeout,
    EngineUnavailable,
    PortevoixError,
)
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.resilience.guarded import PROGRAMMING_ERRORS, Guarded
from portevoix.translate.direction import Atlas, Direction, Route
from portevoix.translate.engine import TranslationEngine
from portevoix.translate.faults import CannotTranslate
from portevoix.translate.kept import fragments, is_kept, margins, trimmed
from portevoix.translate.memory import TranslationMemory

COMMON_CHARACTERS = 100
LEAST_SECONDS = 10.0
"""Shortest time a batch may take before its engine has failed: a busy machine is slow, and not broken."""

SURVEY_SECONDS = 120.0

TRIAL_PHRASES = {"fr": "Bonjour.", "es": "Hola.", "de": "Hallo.", "it": "Ciao.", "pt": "Olá."}
TRIAL_PHRASE = "Hello."


@dataclass(frozen=True, slots=True)
class Line:
    """Hold one translated sentence.

    Attributes:
        text: in the other language.
        is_cached: every step on the way was known.
    """

    text: str
    is_cached: bool


class Guard(Guarded[TranslationEngine]):
    """Guard one engine; used from one event loop.

    Batches of one model are translated one after another, so that a budget counts the engine's own time. The breaker
    counts batches.

    Attributes, beside those of `Guarded`:
        counts: sentences by what became of them: `translated`, `cached`, `failed`.
    """

    _not_ready_event: ClassVar[str] = "translator.not_ready"

    def __init__(
        self,
        engine: TranslationEngine,
        memory: TranslationMemory,
        *,
        priority: int | None = None,
        breaker: CircuitBreaker | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Guard `engine`, which the guard owns; `memory` is shared with others."""
        super().__init__(engine, breaker, clock)
        self.priority = engine.priority if priority is None else priority
        self.counts: Counter[str] = Counter()
        self._memory = memory
        self._atlas = Atlas(self.name, ())
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def route(self, source: str, target: str, model: str | None = None) -> Route | None:
        """Return how the engine gets from one language to another, or None."""
        directions = self.engine.directions()
        if self._atlas.directions is not directions:
            self._atlas = Atlas(self.name, directions)
        return self._atlas.route(source, target, model)

    def refusal(self) -> EngineError | None:
        """Return why the engine is not even asked, or None when it can be."""
        if self.breaker.is_open():
            return self._resting()
        state = self.engine.state()
        if state.phase is Phase.UNAVAILABLE:
            return EngineUnavailable(state.why or f"{self.name} is not ready", hint=state.hint)
        return None

    async def survey(self) -> None:
        """Let the engine try what it lists, for a bounded time; what does not work is not listed any more."""
        if self.engine.state().phase is Phase.READY:
            with suppress(EngineError, TimeoutError):
                await asyncio.wait_for(self.engine.survey(), SURVEY_SECONDS)

    async def translate(self, sentences: Sequence[str], route: Route, *, reads_cache: bool = True) -> list[Line]:
        """Return the translations of sentences, by way of every step of the route.

        Raises:
            EngineError: the engine failed, was late, or lost a sentence.
        """
        lines = [Line(sentence, is_cached=True) for sentence in sentences]
        for step in route.steps:
            texts = await self._step([line.text for line in lines], step, reads_cache=reads_cache)
            lines = [Line(one.text, one.is_cached and line.is_cached) for one, line in zip(texts, lines, strict=True)]
        return lines

    async def _step(self, sentences: list[str], step: Direction, *, reads_cache: bool) -> list[Line]:
        different = list(dict.fromkeys(sentences))
        known = {text: self._memory.get(self._key(step, text)) for text in different} if reads_cache else {}
        unknown = [text for text in different if known.get(text) is None]
        self.counts["cached"] += len(different) - len(unknown)
        made = dict(zip(unknown, await self._whole(unknown, step), strict=True)) if unknown else {}
        for text, translation in made.items():
            self._memory.put(self._key(step, text), translation)
        return [Line(made.get(text) or known[text] or "", text not in made) for text in sentences]

    def _key(self, step: Direction, sentence: str) -> tuple[str, str, str, str, str, str]:
        return (self.name, step.model, step.fingerprint, step.source, step.target, sentence)

    async def _whole(self, sentences: list[str], step: Direction) -> list[str]:
        """Translate sentences as they stand, and those that lost something once more, around what must stay."""
        translations = await self._ask(sentences, step)
        lossy = [place for place, sentence in enumerate(sentences) if not is_kept(sentence, translations[place])]
        for place, mended in zip(lossy, await self._around([sentences[place] for place in lossy], step), strict=True):
            translations[place] = mended
        return translations

    async def _around(self, sentences: list[str], step: Direction) -> list[str]:
        parts = [fragments(sentence) for sentence in sentences]
        words = [margins(text)[1] for parted in parts for text, is_language in parted if is_language]
        translated = iter(await self._ask(words, step)) if words else iter(())
        return ["".join(_refill(text, translated) if is_language else text for text, is_language in parted)
                for parted in parts]  # fmt: skip

    async def _ask(self, sentences: list[str], step: Direction) -> list[str]:
        """Run the engine and keep the breaker's books: the one place that does."""
        async with self._turns[step.model]:
            try:
                translations = await self._bounded(sentences, step)
            except CannotTranslate:
                raise
            except EngineDied as error:
                self.last_error = error  # another process takes its place
                raise
            except EngineError as error:
                self._count_failure(error, step)
                raise
        self.breaker.succeed()
        self.counts["translated"] += len(translations)
        return translations

    async def _bounded(self, sentences: list[str], step: Direction) -> list[str]:
        limit = self._limit_seconds(sentences)
        try:
            async with asyncio.timeout(limit) as deadline:
                translations = await self.engine.translate(sentences, step)
        except TimeoutError as error:
            if not deadline.expired():
                raise EngineFailed(f"{self.name} failed", str(error)) from error
            why = f"{len(sentences)} sentences took over {limit:.0f} s"
            raise EngineTimeout(f"{self.name} was late", why) from error
        except (PortevoixError, *PROGRAMMING_ERRORS):
            raise
        except Exception as error:
            raise EngineFailed(f"{self.name} failed", f"{type(error).__name__}: {error}") from error
        if len(translations) != len(sentences) or not all(text.strip() for text in translations):
            raise EngineFailed(f"{self.name} failed", "it lost a sentence")
        return list(translations)

    def _limit_seconds(self, sentences: Sequence[str]) -> float:
        common = sum(max(1.0, len(sentence) / COMMON_CHARACTERS) for sentence in sentences)
        return max(LEAST_SECONDS, 2 * self.engine.sentence_seconds * common)

    def _count_failure(self, error: EngineError, step: Direction) -> None:
        self.last_error = error
        self.counts["failed"] += 1
        self.breaker.fail()
        if self.breaker.is_open():
            self._try_to_recover(partial(self._recover, step))

    async def _recover(self, step: Direction) -> None:
        """Try the engine after each rest, with other words than the user's, until it translates."""
        while self.breaker.is_open():
            await asyncio.sleep(self.breaker.rest_seconds)
            self.breaker.begin_trial()
            with suppress(EngineError):
                await self._ask([TRIAL_PHRASES.get(step.source, TRIAL_PHRASE)], step)
            if self.breaker.state == "half_open":
                self.breaker.fail()


def _refill(fragment: str, translated: Iterator[str]) -> str:
    before, core, after = margins(fragment)
    return before + trimmed(core, next(translated)) + after
