"""The record of one request while it is spoken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from portevoix.casting import Candidate
from portevoix.clock import Clock, system_clock
from portevoix.errors import CannotClone, EngineError
from portevoix.events import Attempted, Hook, ignore
from portevoix.headstart import HeadStart
from portevoix.speech import Attempt, Outcome, Utterance

Turn = Callable[[], Awaitable[bool]]
"""Wait for a turn to work, and return whether others had to end before."""


@dataclass
class Run:
    """Keep the record of one request while it is spoken.

    Attributes:
        request_id: name of the request.
        sentence: index of the sentence that is being spoken.
        attempts: what each engine did, in order.
        fallen: engines that failed in this request; they are asked last from then on.
        reads_cache: sentences may come from the cache.
        takes_silence: silence may stand for speech where nobody can speak, or not in time.
        hook: told each attempt.
        reasons: errors of the sentence that is being spoken, by engine.
        revived: engines whose process died in this sentence and that are asked once more.
        clock: the time.
        ahead: what an engine has begun with for the sentence after, or None.
        turn: waited for before an engine is asked for the first time, or None.
        began: when the request did, by that clock; waiting for a turn moves it on.
    """

    request_id: str = ""
    sentence: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    fallen: set[str] = field(default_factory=set)
    reads_cache: bool = True
    takes_silence: bool = True
    hook: Hook = ignore
    reasons: list[tuple[str, EngineError]] = field(default_factory=list)
    revived: set[str] = field(default_factory=set)
    clock: Clock = system_clock
    ahead: HeadStart | None = None
    turn: Turn | None = None
    began: float = field(init=False)

    def __post_init__(self) -> None:
        """Note when it begins."""
        self.began = self.clock()

    async def take_turn(self) -> bool:
        """Wait for a turn, unless it has been taken or none is needed; return whether others had to end before."""
        if self.turn is None:
            return False
        turn, self.turn, asked = self.turn, None, self.clock()
        has_waited = await turn()
        self.began += self.clock() - asked
        return has_waited

    def end_sentence(self) -> None:
        """Go on to the next sentence."""
        self.sentence += 1
        self.reasons.clear()
        self.revived.clear()

    def take_ahead(self, candidate: Candidate, asked: Utterance) -> HeadStart | None:
        """Return what has been begun of exactly this, once."""
        if self.ahead is None or not self.ahead.fits(candidate, asked):
            return None
        ahead, self.ahead = self.ahead, None
        return ahead

    async def drop_ahead(self) -> None:
        """Stop what has been begun and was not asked for."""
        ahead, self.ahead = self.ahead, None
        if ahead is not None:
            await ahead.aclose()

    def note_own_voice(self, candidate: Candidate, utterance: Utterance) -> None:
        """Record that somebody is about to speak in a voice of their own where another one was to be borrowed."""
        if utterance.reference is not None and not candidate.voice.can_clone:
            name = candidate.level.name
            self.note(candidate, "skipped", CannotClone(f"{name} cannot clone a voice", "it speaks in its own instead"))

    def note(
        self,
        candidate: Candidate,
        outcome: Outcome,
        error: EngineError | None = None,
        *,
        is_cached: bool = False,
        first_audio_seconds: float | None = None,
        audio_seconds: float = 0.0,
        since: float | None = None,
    ) -> None:
        """Record what became of an attempt that was made at `since`, or in no time, and tell it."""
        name, now = candidate.level.name, self.clock()
        asked = now if since is None else since
        if error is not None:
            self.reasons.append((name, error))
        if outcome in ("failed", "late", "cut"):
            self.fallen.add(name)
        code, why = (error.code, str(error)) if error else ("", "")
        attempt = Attempt(
            self.sentence, name, candidate.voice.name, outcome, code, why, is_cached, first_audio_seconds,
            audio_seconds, asked - self.began, now - asked,
        )  # fmt: skip
        self.attempts.append(attempt)
        self.hook(Attempted(self.request_id, attempt))
