"""The whole way from a text in one language to the text in another.

request → parts → languages → for each batch of sentences: memory → engines in order → pairs → the text again.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

from portevoix.clock import Clock, system_clock
from portevoix.engine import Phase
from portevoix.errors import EmptyText, EngineDied, EngineError, EngineNotFound, InvalidParameter, TextTooLong
from portevoix.tasks import end_tasks
from portevoix.translate.detection import LanguageDetector
from portevoix.translate.direction import Route
from portevoix.translate.engine import NoticesModels
from portevoix.translate.faults import NoTranslator, NotTranslated, SameLanguage, TranslationFailed
from portevoix.translate.guard import Guard, Line
from portevoix.translate.languages import AUTO, name_of, normalise
from portevoix.translate.layout import clean, take_apart
from portevoix.translate.model import making
from portevoix.translate.plan import Plan, Planner, Task
from portevoix.translate.request import (
    SentencePair,
    Translation,
    TranslationAttempt,
    TranslationOutcome,
    TranslationRequest,
)

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

LOAD_PATIENCE_SECONDS = 5.0
"""How long a request waits for engines that are still finding out what they can do."""

LONG_CHARACTERS = 2000
"""Texts beyond this take longer to look through than a thread takes to begin."""

BATCHES = (1, 1, 2, 4, 8)
"""Sentences in each batch, the last size for all others: the first is there soon, the rest are done together."""

INSTALL = "Install Apertium (`apt install apertium apertium-eng-spa apertium-fr-es`), or `pip install \
'portevoix[translate]'` and make a model: `portevoix engines install neural`, then `portevoix models get \
opus-mt-en-fr`."


@dataclass(slots=True)
class Candidate:
    """Pair an engine with its way from one language to the other, which may change when a part of it is broken."""

    guard: Guard
    route: Route


class Translator:
    """Translate texts with the best engine that can; used from one event loop."""

    def __init__(
        self, guards: Sequence[Guard], *, max_text_length: int = 0, clock: Clock = system_clock,
        detector: LanguageDetector | None = None,
    ) -> None:  # fmt: skip
        """Ask `guards` by their priority; the translator owns them. 0 characters set no limit."""
        self.guards = tuple(sorted(guards, key=lambda guard: (guard.priority, guard.name)))
        self._max_text_length = max_text_length
        self._clock = clock
        self._detector = detector or LanguageDetector()
        self._planner = Planner(self._detector)
        self._surveying: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Let every engine find out what it can do, also what was installed since the last time."""
        await asyncio.gather(*(guard.load() for guard in self.guards))

    async def survey(self) -> None:
        """Let every engine try what it lists."""
        await asyncio.gather(*(guard.survey() for guard in self.guards))

    def begin_survey(self) -> asyncio.Task[None]:
        """Return the survey that is under way, or begin one; closing the translator ends it."""
        if self._surveying is None or self._surveying.done():
            self._surveying = asyncio.create_task(self.survey(), name="survey translators")
        return self._surveying

    async def translate(self, request: TranslationRequest) -> Translation:
        """Return the whole text in the other language.

        Raises:
            RequestError: it cannot be translated as it stands.
            NoTranslator: there is no engine.
            TranslationFailed: every engine that knows the languages failed.
        """
        rendering = await self.open(request)
        async for _ in rendering:
            pass
        return rendering.report

    async def open(self, request: TranslationRequest) -> Rendering:
        """Check a request, find who can translate it, and return what gives the sentences as they come.

        Raises:
            RequestError: it cannot be translated as it stands.
            NoTranslator: there is no engine.
        """
        began = self._clock()
        self.check(request)
        try:
            return await self._opened(request, began)
        except (NoTranslator, NotTranslated):
            await _look(self.guards)  # a model or a package may have come since
            return await self._opened(request, began)

    async def _opened(self, request: TranslationRequest, began: float) -> Rendering:
        target = normalise(request.target, "target_lang")
        said = None if request.source in (None, AUTO) else normalise(str(request.source), "source_lang")
        if said == target:
            raise SameLanguage(f"source_lang and target_lang are both {name_of(target)}",
                               hint="Ask for another language.", param="target_lang")  # fmt: skip
        parts = await self._aside(request.text, lambda: take_apart(clean(request.text)))
        guards = await self._ready(request) if any(part.is_sentence for part in parts) else []
        await asyncio.to_thread(self._detector.load)
        known = frozenset(one.source for guard in guards for one in guard.engine.directions())
        reachable = frozenset(one for one in known - {target} if _candidates(guards, one, target, request.model))
        plan = await self._aside(request.text, lambda: self._planner.plan(parts, said, target, known, reachable))
        ways = {language: _candidates(guards, language, target, request.model)
                for language in {task.language for task in plan.tasks} - {target}}  # fmt: skip
        for language, candidates in ways.items():
            if not candidates:
                raise _not_translated(guards, language, target, request)
        name = request.request_id or uuid.uuid4().hex[:12]
        return Rendering(replace(request, request_id=name), plan, ways, self._clock, began)

    def check(self, request: TranslationRequest) -> None:
        """Refuse what no engine has to be asked for.

        Raises:
            RequestError: the text is empty or too long, a language is unknown, or there is no such engine.
        """
        if not isinstance(request.text, str):
            raise InvalidParameter("the text is no text", f"it is {type(request.text).__name__}", param="text")
        if not clean(request.text).strip():
            raise EmptyText("the text is empty", hint="Send some text.", param="text")
        if 0 < self._max_text_length < len(request.text):
            raise TextTooLong("the text is too long", f"it has {len(request.text)} characters of at most "
                              f"{self._max_text_length}", "Send it in parts.", param="text")  # fmt: skip
        normalise(request.target, "target_lang")
        if request.engine is not None and request.engine not in [guard.name for guard in self.guards]:
            known = ", ".join(guard.name for guard in self.guards) or "none"
            raise EngineNotFound(f"translation engine {request.engine[:80]!r} is not known", f"there are {known}",
                                 param="engine")  # fmt: skip

    async def aclose(self) -> None:
        """Close every engine; a survey ends first."""
        await end_tasks(self._surveying)
        await asyncio.gather(*(guard.aclose() for guard in self.guards))

    async def settled(self) -> None:
        """Wait until engines know what they can do, also with models that have come since, for a bounded time."""
        await _look([guard for guard in self.guards if _is_unsettled(guard)])

    async def _aside(self, text: str, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, done by a thread where the text is long, so that nobody else has to wait."""
        return await asyncio.to_thread(work) if len(text) > LONG_CHARACTERS else work()

    async def _ready(self, request: TranslationRequest) -> list[Guard]:
        """Return the engines that may be asked.

        Raises:
            NoTranslator: none is there at all.
        """
        await self.settled()
        chosen = [guard for guard in self.guards if request.engine in (None, guard.name)]
        present = [guard for guard in chosen if guard.state().phase is not Phase.UNAVAILABLE]
        if not present:
            raise no_translator(chosen)
        return present


class Rendering:
    """Give the translation of one request, sentence by sentence; made by `Translator.open`.

    Iterate over it once for the pairs, in order; while one is used, the next batch is being translated. Closing the
    iterator stops the work.

    Attributes:
        plan: what is to be done.
    """

    def __init__(
        self, request: TranslationRequest, plan: Plan, ways: dict[str, list[Candidate]], clock: Clock, began: float
    ) -> None:
        """Translate `plan`, asking the candidates of each language in order; `began` in seconds of `clock`."""
        self.plan = plan
        self._request = request
        self._ways = ways
        self._clock = clock
        self._began = began
        self._pairs: list[SentencePair] = []
        self._routes: dict[Route, bool] = {}
        self._attempts: list[TranslationAttempt] = []
        self._fallen: set[str] = set()
        self._first_seconds = self._seconds = 0.0

    @property
    def pairs(self) -> Sequence[SentencePair]:
        """Return the sentences that have been given so far."""
        return self._pairs

    @property
    def report(self) -> Translation:
        """Return what has been translated so far, and how; complete once all pairs have been given."""
        routes = list(self._routes)
        is_whole = len(self._pairs) == len(self.plan.tasks)
        text = "".join(pair.before + pair.target for pair in self._pairs) + (self.plan.tail if is_whole else "")
        return Translation(
            text, self.plan.source, self.plan.target, self.plan.is_detected, self.plan.confidence,
            engine="+".join(dict.fromkeys(route.engine for route in routes)) or "none",
            model="+".join(dict.fromkeys(route.model for route in routes)),
            licence=", ".join(dict.fromkeys(route.licence for route in routes if route.licence)),
            chain=_commonest_chain(self._pairs),
            is_pivoted=any(route.is_pivoted for route in routes),
            is_rule_based=any(self._routes.values()),
            is_degraded=bool(self._why_degraded()), why_degraded=self._why_degraded(),
            is_cached=bool(routes) and all(pair.is_cached for pair in self._pairs if pair.engine),
            pairs=tuple(self._pairs), warnings=self.plan.warnings, attempts=tuple(self._attempts),
            first_seconds=self._first_seconds, seconds=self._seconds,
            request_id=self._request.request_id,
        )  # fmt: skip

    def _why_degraded(self) -> str:
        troubles = (one for one in self._attempts if one.outcome != "translated")
        return next((f"{one.engine} {one.outcome}: {one.why}" for one in troubles), "")

    async def __aiter__(self) -> AsyncGenerator[SentencePair, None]:
        """Yield the pairs.

        Raises:
            TranslationFailed: every engine that knows the languages failed.
        """
        async with aclosing(self._ahead(_batches(self.plan.tasks))) as batches:
            async for batch in batches:
                for pair in batch:
                    self._seconds = self._clock() - self._began
                    self._first_seconds = self._first_seconds or self._seconds
                    self._pairs.append(pair)
                    yield pair

    async def _ahead(self, batches: list[list[Task]]) -> AsyncGenerator[list[SentencePair], None]:
        """Yield batch after batch; the next one is begun when one is handed over."""
        working: asyncio.Task[list[SentencePair]] | None = None
        try:
            for place in range(len(batches)):
                working = working or asyncio.create_task(self._translate(batches[place]), name="translate")
                done = await working
                working = None
                if place + 1 < len(batches):
                    working = asyncio.create_task(self._translate(batches[place + 1]), name="translate")
                yield done
        finally:
            await end_tasks(working)

    async def _translate(self, tasks: list[Task]) -> list[SentencePair]:
        language = tasks[0].language
        if language == self.plan.target:
            return [SentencePair(task.index, task.text, task.text, language, before=task.before) for task in tasks]
        candidate, lines = await self._first_who_can(tasks, self._ways[language])
        route = candidate.route
        self._routes[route] = candidate.guard.engine.is_rule_based
        return [
            SentencePair(task.index, task.text, line.text, language, route.engine, route.model, route.chain,
                         line.is_cached, task.before)
            for task, line in zip(tasks, lines, strict=True)
        ]  # fmt: skip

    async def _first_who_can(self, tasks: list[Task], candidates: list[Candidate]) -> tuple[Candidate, list[Line]]:
        reasons: list[tuple[str, EngineError]] = []
        for candidate in sorted(candidates, key=lambda one: one.guard.name in self._fallen):
            lines = await self._asked(candidate, tasks, reasons)
            if lines is not None:
                return candidate, lines
        raise _failed(reasons)

    async def _asked(
        self, candidate: Candidate, tasks: list[Task], reasons: list[tuple[str, EngineError]]
    ) -> list[Line] | None:
        guard, began = candidate.guard, self._clock()
        if (refusal := guard.refusal()) is not None:
            self._note("skipped", guard.name, tasks[0].index, refusal, began)
            reasons.append((guard.name, refusal))
            return None
        sentences = [task.text for task in tasks]
        for is_again in (False, True):
            try:
                lines = await guard.translate(sentences, candidate.route, reads_cache=self._request.reads_cache)
            except EngineError as error:
                if not is_again and (isinstance(error, EngineDied) or self._finds_another_way(candidate)):
                    continue
                self._note("failed", guard.name, tasks[0].index, error, began)
                reasons.append((guard.name, error))
                return None
            self._attempts.append(
                TranslationAttempt(tasks[0].index, guard.name, "translated", seconds=self._clock() - began)
            )
            return lines
        return None

    def _finds_another_way(self, candidate: Candidate) -> bool:
        """Look whether the engine, which has found a part of itself broken, knows another way; take it."""
        former = candidate.route
        route = candidate.guard.route(former.chain[0], former.chain[-1], self._request.model)
        if route is None or route == former:
            return False
        candidate.route = route
        return True

    def _note(self, outcome: TranslationOutcome, name: str, sentence: int, error: EngineError, began: float) -> None:
        self._fallen.add(name)
        seconds = self._clock() - began
        self._attempts.append(TranslationAttempt(sentence, name, outcome, error.code, str(error), seconds))
        facts = {"engine": name, "code": error.code, "request_id": self._request.request_id}
        logger.info("translation.attempt_failed", extra=facts)


def _is_unsettled(guard: Guard) -> bool:
    engine = guard.engine
    is_outdated = isinstance(engine, NoticesModels) and engine.is_outdated()
    return is_outdated or guard.state().phase in (Phase.IDLE, Phase.LOADING)


async def _look(guards: Sequence[Guard]) -> None:
    """Let engines find out what they can do, for a bounded time."""
    if guards:
        await asyncio.wait([asyncio.ensure_future(guard.load()) for guard in guards], timeout=LOAD_PATIENCE_SECONDS)


def _failed(reasons: Sequence[tuple[str, EngineError]]) -> TranslationFailed:
    why = "; ".join(f"{engine}: {error}" for engine, error in reasons)
    hint = next((error.hint for _, error in reasons if error.hint), "Ask again in a moment.")
    return TranslationFailed("the text could not be translated", why, hint)


def _commonest_chain(pairs: Sequence[SentencePair]) -> tuple[str, ...]:
    chains = [pair.chain for pair in pairs if pair.chain]
    return max(chains, key=chains.count, default=())


def _batches(tasks: Sequence[Task]) -> list[list[Task]]:
    """Return the tasks in batches of one language each, small ones first."""
    batches: list[list[Task]] = []
    for task in tasks:
        size = BATCHES[min(len(batches), len(BATCHES)) - 1] if batches else 0
        if not batches or len(batches[-1]) >= size or batches[-1][0].language != task.language:
            batches.append([])
        batches[-1].append(task)
    return batches


def _candidates(guards: Sequence[Guard], source: str, target: str, model: str | None) -> list[Candidate]:
    ways = [(guard, guard.route(source, target, model)) for guard in guards]
    return [Candidate(guard, route) for guard, route in ways if route is not None]


def _not_translated(guards: Sequence[Guard], source: str, target: str, request: TranslationRequest) -> NotTranslated:
    targets = sorted({one.target for guard in guards for one in guard.engine.directions()})
    possible = [one for one in targets if one != source and _candidates(guards, source, one, request.model)]
    why = f"from {name_of(source)} there is {', '.join(possible)}" if possible else f"nobody knows {name_of(source)}"
    return NotTranslated(
        f"nobody here translates from {name_of(source)} to {name_of(target)}", why,
        f"{making(f'opus-mt-{source}-{target}', 'Make a model')} Or install Apertium's packages for it.",
        param="target_lang" if possible else "source_lang",
    )  # fmt: skip


def no_translator(guards: Sequence[Guard]) -> NoTranslator:
    """Return what says that none of `guards` can be used, and what to install."""
    states = [(guard.name, guard.state()) for guard in guards]
    why = "; ".join(f"{name}: {state.why}" for name, state in states if state.why)
    return NoTranslator("nothing here can translate", why or "no translation engine is switched on", INSTALL)
