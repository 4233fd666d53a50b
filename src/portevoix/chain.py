"""The chain: ask the best level, race the next when it is late, go on with the next when it breaks.

The chain is itself an engine: a sentence goes in, audio comes out, and who spoke stands on each chunk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from portevoix.audio import AudioChunk
from portevoix.cache.recording import Recording
from portevoix.casting import Candidate, cast, find_level
from portevoix.clock import Clock, system_clock
from portevoix.dsp.loudness import is_audible
from portevoix.engine import parameters_of
from portevoix.errors import (
    ChainExhausted,
    EngineDied,
    EngineError,
    EngineLoading,
    EngineSilent,
    EngineTimeout,
    StreamInterrupted,
)
from portevoix.headstart import HeadStart, can_start_ahead
from portevoix.level import Level
from portevoix.resume import unsaid_from
from portevoix.run import Run
from portevoix.speech import Outcome, Source, Utterance, WordMark

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Entrant:
    """One level in the race for the first audible frame."""

    candidate: Candidate
    chunks: AsyncGenerator[AudioChunk, None]
    lead: asyncio.Task[list[AudioChunk]]
    began: float
    due: float
    first_audio_seconds: float = 0.0
    is_late: bool = False


class Chain:
    """Speak each sentence with the best level that can."""

    def __init__(
        self, levels: Sequence[Level], *, clock: Clock = system_clock, keeps_order: bool = False,
        leaving: set[asyncio.Task[None]] | None = None,
    ) -> None:  # fmt: skip
        """Ask `levels` by their priority for the language, or as they stand; the caller owns and closes them.

        A part of another chain has in common with it who is `leaving`, so that either waits for all of them.
        """
        self._keeps_order = keeps_order
        self.levels = tuple(levels if keeps_order else sorted(levels, key=lambda level: level.settings.priority))
        self._clock = clock
        self._leaving: set[asyncio.Task[None]] = set() if leaving is None else leaving

    async def meet(self) -> None:
        """Learn the voices of engines that know them only once they are loaded."""
        strangers = [level for level in self.levels if not level.engine.voices()]
        if strangers:
            await asyncio.gather(*(level.meet() for level in strangers))

    def only(self, *names: str) -> Chain:
        """Return a chain of the named levels alone."""
        chosen = [level for level in self.levels if level.name in names]
        return self._part(chosen, keeps_order=self._keeps_order)

    def ordered(self, names: Sequence[str]) -> Chain:
        """Return a chain that asks the named levels in the order of their names.

        Raises:
            EngineNotFound: there is no level of a name.
        """
        return self._part([find_level(self.levels, name) for name in names], keeps_order=True)

    def _part(self, levels: Sequence[Level], *, keeps_order: bool) -> Chain:
        return Chain(levels, clock=self._clock, keeps_order=keeps_order, leaving=self._leaving)

    def for_language(self, language: str) -> tuple[Level, ...]:
        """Return the levels in the order in which they are asked for a text of this language."""
        if self._keeps_order:
            return self.levels
        return tuple(sorted(self.levels, key=lambda level: level.settings.priority_for(language)))

    async def stream(self, utterance: Utterance, run: Run | None = None) -> AsyncGenerator[AudioChunk, None]:
        """Speak one sentence; each of its words is passed on once, whoever speaks it.

        Raises:
            ChainExhausted: nobody could begin.
            StreamInterrupted: somebody began, broke, and nobody could go on.
        """
        run = run or Run(utterance.request_id, clock=self._clock)
        waiting = self._candidates(utterance, run)
        passage = _Passage(utterance)
        while passage.is_open:
            try:
                async with aclosing(self._passage(passage, waiting, run)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except ChainExhausted as error:
                if passage.before_seconds > 0:
                    raise StreamInterrupted("speech broke off", error.why, error.hint) from error
                raise
            passage = passage.following()

    def look_ahead(self, utterance: Utterance, source: Source, run: Run) -> None:
        """Let who is speaking begin with the sentence after, where that helps; ends with `run.drop_ahead`."""
        if run.ahead is not None or source.is_cached:
            return
        for candidate in self._candidates(utterance, run)[:1]:
            asked = _asked(utterance, candidate)
            is_known = run.reads_cache and candidate.level.remembers(asked)
            if candidate.level.name == source.engine and can_start_ahead(candidate) and not is_known:
                run.ahead = HeadStart(candidate, asked)

    def _candidates(self, utterance: Utterance, run: Run) -> list[Candidate]:
        """Return who may speak, in order: the sound ones, those that fell in this request, and silence last."""
        levels = self.for_language(utterance.language)
        if not run.takes_silence:
            levels = tuple(level for level in levels if not level.engine.is_silent)
        candidates = cast(levels, utterance.voice, utterance.language)

        def rank(one: Candidate) -> tuple[bool, bool, bool]:
            cannot_clone = utterance.reference is not None and not one.voice.can_clone
            return one.level.engine.is_silent, cannot_clone, one.level.name in run.fallen

        return sorted(candidates, key=rank)

    async def _passage(self, passage: _Passage, waiting: list[Candidate], run: Run) -> AsyncGenerator[AudioChunk, None]:
        """Let one level speak from where the passage begins, to the end or until it breaks."""
        began = self._clock()
        recording = await self._recall(passage.utterance, waiting, run)
        if recording is None and await run.take_turn():  # somebody may have spoken it meanwhile
            began = self._clock()
            recording = await self._recall(passage.utterance, waiting, run)
        if recording is not None:
            candidate = waiting[0]
            run.note_own_voice(candidate, passage.utterance)
            run.note(candidate, "spoke", is_cached=True, first_audio_seconds=self._clock() - began,
                     audio_seconds=recording.seconds, since=began)  # fmt: skip
            for chunk in candidate.level.replay(recording, candidate.voice):
                yield passage.heard(chunk)
            return
        winner = await self._first_to_speak(passage.utterance, waiting, run)
        run.note_own_voice(winner.candidate, passage.utterance)
        async with aclosing(winner.chunks) as rest:
            await run.drop_ahead()  # begun for this sentence by somebody who was not asked for it after all
            try:
                for chunk in winner.lead.result():
                    yield passage.heard(chunk)
                async for chunk in rest:
                    yield passage.heard(chunk)
            except EngineError as error:
                passage.break_off()
                self._note(run, winner, passage, "cut", error)
                _revive(winner.candidate, error, waiting, run)
                return
        self._note(run, winner, passage, "spoke")

    def _note(
        self, run: Run, winner: _Entrant, passage: _Passage, outcome: Outcome, error: EngineError | None = None
    ) -> None:
        source = winner.lead.result()[0].source
        run.note(
            winner.candidate, outcome, error, is_cached=bool(source and source.is_cached),
            first_audio_seconds=winner.first_audio_seconds, audio_seconds=passage.seconds, since=winner.began,
        )  # fmt: skip

    async def _recall(self, utterance: Utterance, waiting: list[Candidate], run: Run) -> Recording | None:
        """Return the sentence as the first of `waiting` has spoken it before; take those away who can neither."""
        while waiting:
            if run.ahead is not None and run.ahead.fits(waiting[0], _asked(utterance, waiting[0])):
                return None
            if run.reads_cache and (recording := await waiting[0].level.recall(_asked(utterance, waiting[0]))):
                return recording
            if not self._skip(waiting, run):
                return None
        return None

    def _skip(self, waiting: list[Candidate], run: Run) -> bool:
        """Take the first of `waiting` away if it cannot speak; one that is loading stays when it is the last hope."""
        refusal = waiting[0].level.refusal(waiting[0].voice)
        if refusal is None or (isinstance(refusal, EngineLoading) and not _hopes(waiting[1:])):
            return False
        run.note(waiting.pop(0), "skipped", refusal)
        return True

    async def _first_to_speak(self, utterance: Utterance, waiting: list[Candidate], run: Run) -> _Entrant:
        """Ask level after level, the next one as soon as the last is late or has failed; the first audible one wins.

        Takes those it asks from `waiting`; whoever was asked and did not win is stopped before this returns.

        Raises:
            ChainExhausted: everybody failed.
        """
        racing: list[_Entrant] = []
        winner = None
        looked_up = waiting[:1]
        try:
            while winner is None:
                while waiting and self._skip(waiting, run):
                    pass
                if waiting and (not racing or racing[-1].is_late):
                    knows = run.reads_cache and waiting[:1] != looked_up
                    racing.append(self._enter(waiting.pop(0), utterance, run, may_know_it=knows))
                if not racing:
                    raise ChainExhausted(tuple(run.reasons))
                await self._wait(racing, may_give_up=bool(waiting))
                winner = self._judge(racing, waiting, run)
        finally:
            losers = [entrant for entrant in racing if entrant is not winner]
            self._dismiss(losers, run)
        waiting[:0] = [loser.candidate for loser in losers]  # none has failed: any may go on where the winner breaks
        return winner

    def _enter(self, candidate: Candidate, utterance: Utterance, run: Run, *, may_know_it: bool) -> _Entrant:
        asked = _asked(utterance, candidate)
        if (ahead := run.take_ahead(candidate, asked)) is not None:
            chunks = ahead.stream()
        else:
            chunks = _from_memory_or_mouth(candidate, asked) if may_know_it else candidate.level.stream(asked)
        began = self._clock()
        lead = asyncio.create_task(_until_audible(chunks, candidate), name=f"first audio of {candidate.level.name}")
        return _Entrant(candidate, chunks, lead, began, began + candidate.level.budget_seconds(asked))

    async def _wait(self, racing: list[_Entrant], *, may_give_up: bool) -> None:
        """Wait until somebody speaks or fails, or the latest entrant has used up its budget."""
        latest = racing[-1]
        timeout = max(0.0, latest.due - self._clock()) if may_give_up else None
        leads = [entrant.lead for entrant in racing]
        done, _ = await asyncio.wait(leads, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        now = self._clock()
        for entrant in racing:
            if entrant.lead in done:
                entrant.first_audio_seconds = now - entrant.began
        latest.is_late = not done

    def _judge(self, racing: list[_Entrant], waiting: list[Candidate], run: Run) -> _Entrant | None:
        """Return the best entrant that speaks; drop those that failed."""
        for entrant in [one for one in racing if one.lead.done()]:
            error = entrant.lead.exception()
            if error is None:
                return entrant
            if not isinstance(error, EngineError):
                raise error
            racing.remove(entrant)
            run.note(entrant.candidate, "failed", error, since=entrant.began)
            _revive(entrant.candidate, error, waiting, run)
        return None

    def _dismiss(self, losers: list[_Entrant], run: Run) -> None:
        """Stop those that did not win, without making anybody wait for it."""
        for loser in losers:
            loser.lead.cancel()
            leaving = asyncio.create_task(_leave(loser), name=f"stop {loser.candidate.level.name}")
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            if loser.is_late:
                late = EngineTimeout(f"{loser.candidate.level.name} was late", "another engine spoke first")
                run.note(loser.candidate, "late", late, since=loser.began)

    async def settle(self) -> None:
        """Wait until everybody who was stopped is gone."""
        await asyncio.gather(*self._leaving, return_exceptions=True)


class _Passage:
    """Follow what one level says of a sentence, from where the level before it broke off."""

    def __init__(self, utterance: Utterance, before_characters: int = 0, before_seconds: float = 0.0) -> None:
        self.utterance = utterance
        self.before_seconds = before_seconds
        self._before_characters = before_characters
        self.seconds = 0.0
        self._marks: list[WordMark] = []
        self._unsaid = len(utterance.text)

    @property
    def is_open(self) -> bool:
        """Whether there is anything left to say."""
        return bool(self.utterance.text.strip())

    def heard(self, chunk: AudioChunk) -> AudioChunk:
        """Count a chunk, and return it with its marks counted from the sentence's beginning."""
        self._marks.extend(chunk.marks)
        self.seconds += chunk.seconds
        if not chunk.marks or not self.before_seconds:
            return chunk
        return replace(
            chunk, marks=tuple(mark.moved(self._before_characters, self.before_seconds) for mark in chunk.marks)
        )

    def break_off(self) -> None:
        """Find where the next level has to go on."""
        self._unsaid = unsaid_from(self.utterance.text, self._marks, self.seconds, self.utterance.speed)

    def following(self) -> _Passage:
        """Return the passage of what is left to say."""
        return _Passage(
            self.utterance.rest(self._unsaid), self._before_characters + self._unsaid,
            self.before_seconds + self.seconds,
        )  # fmt: skip


def _revive(candidate: Candidate, error: EngineError, waiting: list[Candidate], run: Run) -> None:
    """Let an engine whose process died be asked once more, after all others that can be heard."""
    if isinstance(error, EngineDied) and candidate.level.name not in run.revived:
        run.revived.add(candidate.level.name)
        audible = sum(not one.level.engine.is_silent for one in waiting)
        waiting.insert(audible, candidate)


def _hopes(candidates: Sequence[Candidate]) -> bool:
    """Return whether one of the candidates can be heard at once."""
    return any(
        not candidate.level.engine.is_silent and candidate.level.refusal(candidate.voice) is None
        for candidate in candidates
    )


async def _leave(loser: _Entrant) -> None:
    await asyncio.gather(loser.lead, return_exceptions=True)
    await loser.chunks.aclose()


async def _until_audible(chunks: AsyncGenerator[AudioChunk, None], candidate: Candidate) -> list[AudioChunk]:
    """Return the chunks up to the first audible one."""
    lead = []
    async for chunk in chunks:
        lead.append(chunk)
        if candidate.level.engine.is_silent or is_audible(chunk.samples):
            return lead
    raise EngineSilent(f"{candidate.level.name} ended without an audible frame")


async def _from_memory_or_mouth(candidate: Candidate, asked: Utterance) -> AsyncGenerator[AudioChunk, None]:
    if (recording := await candidate.level.recall(asked)) is not None:
        for chunk in candidate.level.replay(recording, candidate.voice):
            yield chunk
        return
    async with aclosing(candidate.level.stream(asked)) as chunks:
        async for chunk in chunks:
            yield chunk


def _asked(utterance: Utterance, candidate: Candidate) -> Utterance:
    """Return what the candidate is asked for: its own voice, and of the rest what this voice and engine know."""
    voice, known = candidate.voice, parameters_of(candidate.level.engine)
    return replace(
        utterance,
        voice=voice,
        speaker=utterance.speaker if voice.name == utterance.voice.name else None,
        reference=utterance.reference if voice.can_clone else None,
        parameters=tuple((name, value) for name, value in utterance.parameters if name in known),
    )
