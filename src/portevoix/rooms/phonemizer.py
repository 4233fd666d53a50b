"""The phonemizer of Piper voices, in a process of its own: a crash, a hang or a leak in there costs one sentence.

Questions are answered in the order of asking. When the process is lost, what it was at fails, since that may be the
cause; what was waiting behind it is asked of the next process, which is started when something is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portevoix.errors import EngineDied, EngineError, EngineTimeout, EngineUnavailable
from portevoix.rooms.frames import Frame, FrameDecoder, pack
from portevoix.rooms.life import WorkingLife
from portevoix.rooms.process import ChildProcess
from portevoix.rooms.wire import error_from
from portevoix.rooms.worker import NONSENSE, NotBegunError
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

logger = logging.getLogger(__name__)

ENTRANCE = "import sys; sys.path.append(sys.argv[1]); from portevoix.rooms.phonemizer_child import main; main()"
MOST_MEMORY_BYTES = 1 << 30


def phonemizer_command(memory_bytes: int = MOST_MEMORY_BYTES) -> tuple[str, ...]:
    """Return what starts the process; `memory_bytes` is its address space at most, 0 for any."""
    return sys.executable, "-P", "-c", ENTRANCE, str(Path(__file__).parents[2]), str(memory_bytes)


@dataclass(frozen=True, slots=True)
class PhonemizerPlan:
    """Say what runs, and how long it is waited for.

    Attributes:
        command: program and arguments.
        ready_seconds: how long it may take to start.
        patience_seconds: how long any answer may take, from when the one before was given.
        patience_seconds_per_character: how much longer for each character that is asked about.
        unwanted_seconds: how long an answer may take that nobody waits for any more; others wait behind it.
    """

    command: Sequence[str] = field(default_factory=phonemizer_command)
    ready_seconds: float = 60.0
    patience_seconds: float = 10.0
    patience_seconds_per_character: float = 0.01
    unwanted_seconds: float = 2.0

    def limit_seconds(self, characters: int) -> float:
        """Return how long an answer about so many characters may take."""
        return self.patience_seconds + self.patience_seconds_per_character * characters


@dataclass(frozen=True, slots=True)
class VoiceReading:
    """Say how a voice's texts are read.

    Attributes:
        key: tells it from others, also from the same voice with other files.
        config: what stands in its `.onnx.json`.
    """

    key: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Question:
    limit_seconds: float
    answer: asyncio.Future[Mapping[str, Any]]

    def resolve(self, outcome: Mapping[str, Any] | Exception) -> None:
        """Give the answer, unless nobody waits for it any more."""
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class PhonemizerLife(WorkingLife[PhonemizerPlan]):
    """One life of the process."""

    def __init__(self, plan: PhonemizerPlan) -> None:
        super().__init__(plan)
        self._decoder = FrameDecoder()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting: deque[_Question] = deque()
        self._known: set[str] = set()
        self._patience: asyncio.TimerHandle | None = None
        self._fate: EngineError = EngineDied("the phonemizer failed", "its process ended")
        self._is_ending = False

    def ask(self, reading: VoiceReading, fields: Mapping[str, Any], limit_seconds: float) -> asyncio.Future[Any]:
        """Ask one thing of a living process, and return its answer to come; it may be cancelled.

        The future may raise:
            NotBegunError: the process was lost before it came to this.
            EngineDied: it was lost while it was at this.
            EngineTimeout: it was at this for `limit_seconds`, and killed.
            EngineUnavailable: it was closed.
            EngineError: what the phonemizer raised, as the same class.
        """
        question = _Question(limit_seconds, asyncio.get_running_loop().create_future())
        news = {} if reading.key in self._known else {"config": reading.config}
        assert self._child is not None  # noqa: S101 - a life that was started has one
        self._child.write(pack({**fields, **news, "voice": reading.key, "seconds": limit_seconds}))
        self._known.add(reading.key)
        self._waiting.append(question)
        question.answer.add_done_callback(self._leave)
        if len(self._waiting) == 1:
            self._watch()
        return question.answer

    async def see_out(self) -> None:
        """Return once the process has ended; being cancelled ends it, as the end of its event loop does."""
        try:
            await self.gone.wait()
        finally:
            await self.aclose()
        if not self._is_ending and self._child is not None:
            code = self._child.exit_code or 0
            name = signal.strsignal(-code) if code < 0 else ""
            logger.warning("phonemizer.died", extra={"pid": self.pid, "exit_code": code, "signal": name})

    async def aclose(self) -> None:
        """End the process; whoever waits for an answer is told."""
        self._is_ending = self._is_ending or not self.gone.is_set()
        await super().aclose()

    async def _open(self) -> None:
        try:
            self._child = await ChildProcess.spawn(self._plan.command, on_output=self._hear, on_end=self._bury)
        except (OSError, MemoryError, RuntimeError) as error:  # the last where no thread can be started to watch it
            raise _unavailable(str(error)) from error
        try:
            async with asyncio.timeout(self._plan.ready_seconds):
                await self._ready
        except TimeoutError as error:
            raise _unavailable(f"its process was not ready in {self._plan.ready_seconds:g} s") from error
        if self.gone.is_set():
            await self._child.end()
            raise _unavailable(f"its process ended: {self._child.last_words()}")

    def _hear(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._take(frame)
        except NONSENSE as error:
            self._fate = EngineDied("the phonemizer failed", f"it sent what cannot be understood: {error}")
            self._kill("it sent nonsense")

    def _take(self, frame: Frame) -> None:
        if not self._ready.done():
            self._begin(frame)
        elif not self.gone.is_set():
            error = frame.header.get("error")
            self._waiting.popleft().resolve(error_from(error) if error else frame.header)
            self._watch()

    def _begin(self, frame: Frame) -> None:
        if frame.kind == "ready":
            self._ready.set_result(None)
        else:
            self._ready.set_exception(error_from(frame.header["error"]))

    def _watch(self) -> None:
        """Give the question that is first now its time."""
        if self._patience is not None:
            self._patience.cancel()
        if self._waiting:
            first, unwanted_seconds = self._waiting[0], self._plan.unwanted_seconds
            is_unwanted = first.answer.cancelled()
            limit_seconds = min(first.limit_seconds, unwanted_seconds) if is_unwanted else first.limit_seconds
            self._patience = asyncio.get_running_loop().call_later(limit_seconds, self._give_up, limit_seconds)

    def _leave(self, answer: asyncio.Future[Any]) -> None:
        if answer.cancelled() and self._waiting and self._waiting[0].answer is answer:
            self._watch()

    def _give_up(self, limit_seconds: float) -> None:
        why = f"it did not answer in {limit_seconds:g} s"
        self._fate = EngineTimeout("the phonemizer hung", why)
        self._kill(why)

    def _bury(self) -> None:
        self._kill("its process ended")

    def _die(self, why: str) -> None:  # noqa: ARG002 - the reason is in the fate
        """Let the first question fail, and send the others on, unless nothing more is to be asked."""
        if self.gone.is_set():
            return
        self.gone.set()
        if self._patience is not None:
            self._patience.cancel()
        if not self._ready.done():
            self._ready.set_result(None)
        first, others = self._fate, NotBegunError()
        for place, question in enumerate(self._waiting):
            outcome = first if place == 0 else others
            question.resolve(_unavailable("it was closed") if self._is_ending else outcome)
        self._waiting.clear()


class PhonemizerProcess:
    """Start the process, and another one after its death when something is asked.

    It belongs to one event loop at a time, whose end ends it as `aclose` does.
    """

    def __init__(self, plan: PhonemizerPlan) -> None:
        """Start nothing yet."""
        self.plan = plan
        self._life: asyncio.Task[PhonemizerLife] | None = None
        self._seen_out: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """Return the process's number, 0 while there is none."""
        life = self._life
        return 0 if life is None or not life.done() or _is_over(life) else life.result().pid

    def begin(self) -> asyncio.Task[PhonemizerLife]:
        """Begin to start it, unless it is there or on its way; what goes wrong is told to who asks something."""
        if self._life is None or _is_over(self._life):
            self._life = asyncio.create_task(self._start(), name="start the phonemizer")
            self._life.add_done_callback(_retrieve)
        return self._life

    async def ask(self, reading: VoiceReading, fields: Mapping[str, Any], limit_seconds: float) -> Mapping[str, Any]:
        """Return the answer of a living process; errors as in `PhonemizerLife.ask`, but `NotBegunError`.

        Raises:
            EngineUnavailable: it cannot be started.
        """
        while True:
            life = await asyncio.shield(self.begin())
            if life.gone.is_set():
                raise EngineDied("the phonemizer failed", "its process ended at once")
            try:
                return await life.ask(reading, fields, limit_seconds)  # type: ignore[no-any-return]
            except NotBegunError:
                continue

    async def aclose(self) -> None:
        """End the process; it may be used again."""
        beginning, self._life = self._life, None
        await end_tasks(beginning)
        await end_tasks(*self._seen_out)

    async def _start(self) -> PhonemizerLife:
        life = await PhonemizerLife.start(self.plan)
        end = asyncio.create_task(life.see_out(), name="see the phonemizer out")
        self._seen_out.add(end)
        end.add_done_callback(self._seen_out.discard)
        return life


def _is_over(life: asyncio.Task[PhonemizerLife]) -> bool:
    return life.done() and (life.cancelled() or life.exception() is not None or life.result().gone.is_set())


def _retrieve(life: asyncio.Task[PhonemizerLife]) -> None:
    if not life.cancelled():
        life.exception()


def _unavailable(why: str) -> EngineUnavailable:
    return EngineUnavailable("the phonemizer of Piper voices cannot be used", why, "Run `portevoix doctor`.")
