"""All streams of a process on a few threads: whoever would run dry first is served first.

Earliest deadline first is optimal on one processor (C. L. Liu and J. W. Layland, "Scheduling algorithms for
multiprogramming in a hard-real-time environment", 1973). The deadline of a step is when its listener will have heard
everything before it; before anything was heard it is a moment after the request.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from portevoix.errors import EngineUnavailable
from portevoix.vits.admission import Admission, Admissions
from portevoix.vits.cores import usable_cores

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.vits.utterance import Piece

Commit = Callable[[], Sequence["Piece"]]
Work = Callable[[], Commit]

PATIENCE_SECONDS = 0.05
PATIENCE_IN_CROWD_SECONDS = 0.25
CROWD = 8
HANDING_OVER_SECONDS = 0.005
"""The longest rest of the workers after a first piece; a listener in a hurry takes it sooner."""
TURNS_TO_LISTENER = 8
"""How often the event loop comes round before more is asked for after the first piece: who hears it stands behind
some tasks, which would have to wait for Python's lock at each of them once workers compute again."""


class Job(Protocol):
    """Something to speak, in steps; called under the scheduler's lock, except the work that `take` returns."""

    @property
    def is_finished(self) -> bool:
        """Whether every piece has been handed out."""

    def next_due_seconds(self, company: int, workers: int) -> float | None:
        """Return where in the audio the next step is needed, None while none is ready."""

    def take(self) -> Work:
        """Begin the step that `next_due_seconds` told of; its work gives what to call under the lock."""


class Priority(IntEnum):
    """Whose work goes first, before deadlines are looked at."""

    LISTENER = 0
    BACKGROUND = 1


@dataclass(frozen=True)
class Terms:
    """On what terms a job is spoken.

    Attributes:
        voice: what the measured speed is filed under.
        sample_rate: Hz.
        priority: whose work goes first.
        plays_in_seconds: how long the listener still has other audio to hear before this.
        read_ahead_seconds: how much audio is made before the listener takes it.
        listener: number of whoever hears it; two jobs of one listener are no crowd. 0 for somebody else each time.
    """

    voice: str
    sample_rate: int
    priority: Priority = Priority.LISTENER
    plays_in_seconds: float = 0.0
    read_ahead_seconds: float = 30.0
    listener: int = 0


class Scheduler:
    """Run jobs on worker threads; one for each process, shared by all its voices.

    Args:
        workers: threads; None for as many as compute side by side here.
        clock: seconds that only grow.
        utilisation: the share of the workers that accepted listeners may need, 0..1.
        handing_over_seconds: the longest rest of all workers while a listener takes the first piece.
    """

    def __init__(
        self, workers: int | None = None, *, clock: Callable[[], float] = time.monotonic, utilisation: float = 0.9,
        handing_over_seconds: float = HANDING_OVER_SECONDS,
    ) -> None:  # fmt: skip
        self.workers = workers or usable_cores()
        self._clock = clock
        self._admissions = Admissions(self.workers, utilisation)
        self._handing_over_seconds = handing_over_seconds
        self._streams: list[_Stream] = []
        self._changed = threading.Condition()
        self._is_closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"voice-worker-{number}", daemon=True)
            for number in range(self.workers)
        ]
        for thread in self._threads:
            thread.start()

    def admit(self, voice: str, *, is_listening: bool = False, listener: int = 0) -> Admission:
        """Accept one more listener to a voice; one who is already listening is never refused, and counted once.

        Raises:
            Overloaded: those accepted before would no longer keep real time.
        """
        return self._admissions.admit(voice, is_listening=is_listening, listener=listener)

    @property
    def listeners(self) -> int:
        """How many jobs are being spoken."""
        return len(self._streams)

    async def pieces(self, job: Job, terms: Terms) -> AsyncGenerator[Piece, None]:
        """Speak a job; pieces come in order. Closing the generator drops what is left at the next step.

        Raises:
            EngineUnavailable: the scheduler is closed, before or meanwhile.
            PortevoixError: what a step of the job raised.
        """
        stream = _Stream(job, terms, asyncio.get_running_loop(), self._clock())
        with self._changed:
            if self._is_closing:
                raise _closed()
            self._streams.append(stream)
            self._changed.notify_all()
        try:
            turns = TURNS_TO_LISTENER
            while (piece := await self._next(stream)) is not None:
                yield piece
                for _ in range(turns):
                    await asyncio.sleep(0)
                turns = 0
        finally:
            self._drop(stream)

    def close(self) -> None:
        """Stop the workers after the step at hand, and fail what is still being spoken. Blocks for one step."""
        with self._changed:
            self._is_closing = True
            for stream in list(self._streams):
                self._end(stream, _closed())
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    async def _next(self, stream: _Stream) -> Piece | None:
        while True:
            with self._changed:
                if stream.outbox:
                    self._changed.notify_all()
                    return stream.delivered(self._clock())
                if stream.error is not None:
                    raise stream.error
                if stream.is_ended:
                    return None
                stream.news.clear()
                stream.is_asking = True
                self._changed.notify_all()
            await stream.news.wait()

    def _drop(self, stream: _Stream) -> None:
        with self._changed:
            stream.is_left = True
            if stream in self._streams:
                self._streams.remove(stream)
            self._changed.notify_all()

    def _work(self) -> None:
        while (taken := self._wait_for_work()) is not None:
            stream, work = taken
            began = self._clock()
            try:
                commit: Commit | BaseException = work()
            except BaseException as error:  # noqa: BLE001 - raised again where the listener waits
                commit = error
            with self._changed:
                stream.work_seconds += self._clock() - began
                self._settle(stream, commit)
                self._changed.notify_all()

    def _wait_for_work(self) -> tuple[_Stream, Work] | None:
        with self._changed:
            while True:
                if self._is_closing:
                    return None
                rest_seconds = self._rest_seconds()
                stream = self._most_urgent() if rest_seconds <= 0 else None
                if stream is not None:
                    return stream, stream.job.take()
                self._changed.wait(rest_seconds if rest_seconds > 0 else None)

    def _rest_seconds(self) -> float:
        """Return how long workers are still to rest while a listener takes the first piece, 0 or less where none does.

        Where every core computes, the kernel would let the event loop wait for the rest of a time slice, some
        milliseconds, before it gets its turn.
        """
        ends = (stream.rests_until for stream in self._streams if not stream.is_served())
        return max(ends, default=0.0) - self._clock()

    def _most_urgent(self) -> _Stream | None:
        company = len({stream.terms.listener or stream for stream in self._streams})
        patience = PATIENCE_IN_CROWD_SECONDS if company >= CROWD else PATIENCE_SECONDS
        best, least = None, (0, 0.0)
        for stream in self._streams:
            due_seconds = stream.job.next_due_seconds(company, self.workers)
            if due_seconds is None or due_seconds > stream.taken_seconds + stream.terms.read_ahead_seconds:
                continue
            urgency = (int(stream.terms.priority), stream.base(patience) + due_seconds)
            if best is None or urgency < least:
                best, least = stream, urgency
        return best

    def _settle(self, stream: _Stream, commit: Commit | BaseException) -> None:
        if stream.is_left or stream.is_ended:
            return
        if isinstance(commit, BaseException):
            self._end(stream, commit)
            return
        pieces = commit()
        if pieces and not stream.outbox and stream.waits_for_first:
            stream.rests_until = self._clock() + self._handing_over_seconds
        stream.outbox.extend(pieces)
        if stream.job.is_finished:
            self._admissions.measured(stream.terms.voice, stream.work_seconds, stream.made_seconds())
            self._end(stream, None)
        elif pieces:
            stream.tell()
        if stream.is_left and stream in self._streams:
            self._streams.remove(stream)

    def _end(self, stream: _Stream, error: BaseException | None) -> None:
        stream.is_ended, stream.error = True, error
        self._streams.remove(stream)
        stream.tell()


class _Stream:
    """A job with its listener: what is ready for the listener, and what the listener has taken."""

    def __init__(self, job: Job, terms: Terms, loop: asyncio.AbstractEventLoop, now: float) -> None:
        self.job = job
        self.terms = terms
        self.outbox: deque[Piece] = deque()
        self.news = asyncio.Event()
        self.error: BaseException | None = None
        self.is_ended = False
        self.is_left = False
        self.is_asking = False
        self.rests_until = 0.0
        self.work_seconds = 0.0
        self.taken_seconds = 0.0
        self._asked_at = now
        self._plays_at: float | None = None
        self._loop = loop

    @property
    def waits_for_first(self) -> bool:
        """Whether the listener hears nothing before the first piece has come."""
        return self._plays_at is None and not self.terms.plays_in_seconds

    def is_served(self) -> bool:
        """Tell whether the listener has taken what there is, and asks for more, or has left."""
        return self.is_left or (self.is_asking and not self.outbox)

    def base(self, patience_seconds: float) -> float:
        """Return when the first sample is due; once it was taken, when it began to play."""
        if self._plays_at is not None:
            return self._plays_at
        return self._asked_at + max(patience_seconds, self.terms.plays_in_seconds)

    def delivered(self, now: float) -> Piece:
        """Hand out the next piece."""
        piece = self.outbox.popleft()
        self.is_asking = False
        if self._plays_at is None:
            self._plays_at = max(now, self._asked_at + self.terms.plays_in_seconds)
        self.taken_seconds += len(piece.samples) / self.terms.sample_rate
        return piece

    def made_seconds(self) -> float:
        """Return how much audio was made, taken or not."""
        return self.taken_seconds + sum(len(piece.samples) for piece in self.outbox) / self.terms.sample_rate

    def tell(self) -> None:
        """Wake the listener; one whose event loop is gone has left."""
        try:
            self._loop.call_soon_threadsafe(self.news.set)
        except RuntimeError:
            self.is_left = True


def _closed() -> EngineUnavailable:
    return EngineUnavailable("nothing can be spoken", "the scheduler is closed", "Start the program again.")
