"""The parent's side of one worker process: its handshake, its heartbeat, its jobs, its death."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portevoix.audio import AudioChunk
from portevoix.errors import EngineDied, EngineError, EngineFailed, EngineTimeout, PortevoixError
from portevoix.rooms.frames import Frame, FrameDecoder, FrameError, pack
from portevoix.rooms.hearsay import Hearsay
from portevoix.rooms.life import WorkingLife
from portevoix.rooms.process import ChildProcess
from portevoix.rooms.wire import error_from, marks_from, utterance_fields, voice_from

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from portevoix.speech import Utterance, Voice

logger = logging.getLogger(__name__)

ENTRANCE = "import sys; sys.path.append(sys.argv[1]); from portevoix.rooms.child import main; main(sys.argv[2])"
"""Run `portevoix.rooms.child` also in an environment that does not have this package installed."""

THREAD_CAPS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TQDM_DISABLE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""A worker never downloads; asking a hub that cannot be reached takes tens of seconds per file."""


HUB_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Nothing in a worker asks a hub: foreign packages are not to know who we are there."""

NONSENSE = (ArithmeticError, AttributeError, FrameError, LookupError, RecursionError, TypeError, ValueError)
"""What comes of frames that are none, or whose headers hold something else than they should."""


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """Say what runs in a room, and how it is kept.

    Attributes:
        name: for messages and logs.
        factory: `package.module:Factory`, called in the worker with `options` by name; returns a `Synthesizer`.
        options: JSON-able arguments of the factory.
        python: interpreter of the environment to run in.
        environment: variables that are added to this process's own.
        threads: most threads that a numeric library may use.
        ready_seconds: how long the factory may take.
        cancel_seconds: how long the worker may take to stop when nobody wants the rest; then it is killed.
        beat_seconds: pause between two questions whether it is alive.
        missed_beats: unanswered questions after which it counts as hung.
        memory_limit_bytes: resident memory above which it is killed, 0 for none; where the system tells it.
        ahead_chunks: how far the worker may be ahead of the listener.
    """

    name: str
    factory: str
    options: Mapping[str, Any] = field(default_factory=dict)
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    ready_seconds: float = 10.0
    cancel_seconds: float = 0.25
    beat_seconds: float = 0.5
    missed_beats: int = 4
    memory_limit_bytes: int = 0
    ahead_chunks: int = 3

    def command(self) -> list[str]:
        """Return the worker's command line."""
        root = str(Path(__file__).parents[2])
        return [self.python, "-P", "-c", ENTRANCE, root, self.factory]

    def surroundings(self) -> dict[str, str]:
        """Return the worker's whole environment."""
        caps = dict.fromkeys(THREAD_CAPS, str(self.threads))
        own = {name: value for name, value in os.environ.items() if name not in HUB_TOKENS}
        return {**own, **caps, **OFFLINE, "PYTHONUTF8": "1", **self.environment}


class NotBegunError(Exception):
    """Tell that a worker was lost before it began with an utterance, which another may therefore be asked for."""


class Job:
    """One utterance inside a worker: what has arrived of it.

    Attributes:
        number: tells it from the ones before.
        ended: set once nothing more will arrive.
        is_begun: the worker has begun with it, so that the worker's death may be its doing.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.ended = asyncio.Event()
        self.is_begun = False
        self._arrived: asyncio.Queue[AudioChunk | PortevoixError | None] = asyncio.Queue()

    def deliver(self, chunk: AudioChunk) -> None:
        """Take one chunk."""
        self._arrived.put_nowait(chunk)

    def finish(self, error: PortevoixError | None = None) -> None:
        """Take the end, once."""
        if not self.ended.is_set():
            self.ended.set()
            self._arrived.put_nowait(error)

    async def take(self) -> AudioChunk | None:
        """Return the next chunk, or None at the end.

        Raises:
            PortevoixError: what the worker raised, or that it died.
        """
        item = await self._arrived.get()
        if isinstance(item, PortevoixError):
            raise item
        return item


class Worker(WorkingLife[RoomPlan]):
    """One life of a worker process.

    Attributes:
        voices: what its synthesizer speaks with.
        device: what its synthesizer says that it runs on, or "".
    """

    def __init__(self, plan: RoomPlan) -> None:
        super().__init__(plan)
        self._hearsay = Hearsay(plan.name)
        self.voices: tuple[Voice, ...] = ()
        self.device = ""
        self._decoder = FrameDecoder()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._job: Job | None = None
        self._numbers = itertools.count(1)
        self._unanswered = 0
        self._beat: asyncio.TimerHandle | None = None
        self._why = "its process ended"
        self._is_lost = False

    async def aclose(self) -> None:
        """End the process and everything it started."""
        await super().aclose()
        if self._child is not None:
            self._tell_loss(self._child)

    async def speak(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Yield the utterance's chunks; closing the generator tells the worker to stop, and kills it if it does not.

        The worker must be idle.

        Raises:
            NotBegunError: the worker died, and not of this.
            EngineFailed: the worker died.
            PortevoixError: what the synthesizer raised, as the same class.
        """
        job = self._begin(utterance)
        try:
            while (chunk := await job.take()) is not None:
                yield chunk
                self._send({"kind": "more", "id": job.number, "chunks": 1})
        except EngineFailed as error:
            if job.is_begun:
                raise
            raise NotBegunError from error
        finally:
            self._leave(job)

    async def _open(self) -> None:
        name = self._plan.name
        try:
            self._child = await ChildProcess.spawn(
                self._plan.command(),
                on_output=self._hear,
                on_end=self._bury,
                on_error_line=self._hearsay.take,
                environment=self._plan.surroundings(),
            )
        except OSError as error:
            raise EngineFailed(f"the process of {name} cannot be started", str(error)) from error
        self._hearsay.pid = self.pid
        level = logging.getLevelName(logging.getLogger("portevoix").getEffectiveLevel())
        self._send({"kind": "start", "options": dict(self._plan.options), "log_level": level})
        await self._shake_hands()
        self._beat = asyncio.get_running_loop().call_later(self._plan.beat_seconds, self._ask)

    async def _shake_hands(self) -> None:
        name, seconds = self._plan.name, self._plan.ready_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._ready
        except TimeoutError as error:
            raise EngineTimeout(f"{name} did not start", f"its process was not ready in {seconds:g} s") from error
        if self.gone.is_set() and self._child is not None:
            await self._child.end()
            raise EngineFailed(f"{name} did not start", f"its process ended: {self._child.last_words()}")

    def _begin(self, utterance: Utterance) -> Job:
        job = Job(next(self._numbers))
        if self.gone.is_set():
            job.finish(EngineDied(f"{self._plan.name} failed", self._why))
            return job
        self._hearsay.begin(utterance.text, utterance.request_id)
        credit, fields = self._plan.ahead_chunks, utterance_fields(utterance)
        self._send({"kind": "speak", "id": job.number, "credit": credit, "utterance": fields})
        self._job = job
        self.idle.clear()
        return job

    def _leave(self, job: Job) -> None:
        """Let go of a job at any moment, without waiting."""
        if job.ended.is_set():
            return
        self._send({"kind": "cancel", "id": job.number})
        asyncio.get_running_loop().call_later(self._plan.cancel_seconds, self._insist, job)

    def _insist(self, job: Job) -> None:
        if not job.ended.is_set():
            self.kill(f"it did not stop within {self._plan.cancel_seconds:g} s")

    def _ask(self) -> None:
        """Count questions, not seconds: a parent that slept itself must not take its worker for dead."""
        if self._unanswered >= self._plan.missed_beats:
            self.kill(f"it gave no sign of life for {self._unanswered * self._plan.beat_seconds:g} s")
            return
        self._unanswered += 1
        self._send({"kind": "ping"})
        self._beat = asyncio.get_running_loop().call_later(self._plan.beat_seconds, self._ask)

    def _send(self, header: Mapping[str, Any]) -> None:
        if self._child is not None and not self.gone.is_set():
            self._child.write(pack(header))

    def _hear(self, data: bytes) -> None:
        self._unanswered = 0
        try:
            for frame in self._decoder.feed(data):
                self._take(frame)
        except NONSENSE as error:
            self.kill(f"it sent what cannot be understood: {error}")

    def _take(self, frame: Frame) -> None:
        if frame.kind == "pong":
            self._weigh(frame.header["resident_bytes"])
        elif frame.kind == "ready":
            self._be_ready(frame)
        elif frame.kind == "failed":
            self._refuse(error_from(frame.header["error"]))
        elif self._job is not None and frame.header.get("id") == self._job.number:
            self._advance(self._job, frame)

    def _advance(self, job: Job, frame: Frame) -> None:
        if frame.kind == "begun":
            job.is_begun = True
        elif frame.kind == "chunk":
            job.deliver(_chunk(frame))
        elif frame.kind == "end":
            error = frame.header.get("error")
            self._end_job(self._without_text(error) if error else None)

    def _without_text(self, error: Mapping[str, Any]) -> PortevoixError:
        """Return the error that it told; foreign packages like to quote what they were given, and errors are logged."""
        return error_from({**error, "why": self._hearsay.masked(str(error.get("why", "")))})

    def _weigh(self, resident_bytes: int) -> None:
        limit = self._plan.memory_limit_bytes
        if limit and resident_bytes > limit:
            self.kill(f"it took {resident_bytes >> 20} MiB of memory where {limit >> 20} are allowed")

    def _be_ready(self, frame: Frame) -> None:
        self.voices = tuple(voice_from(voice) for voice in frame.header["voices"])
        self.device = str(frame.header.get("device", ""))
        if not self._ready.done():
            self._ready.set_result(None)

    def _refuse(self, error: PortevoixError) -> None:
        if not isinstance(error, EngineError):
            error = EngineFailed(f"{self._plan.name} cannot start", str(error), error.hint)
        if not self._ready.done():
            self._ready.set_exception(error)

    def _bury(self) -> None:
        self._is_lost = self._is_lost or not self.gone.is_set()
        self._kill("its process ended")

    def _tell_loss(self, child: ChildProcess) -> None:
        if self._is_lost:
            words = self._hearsay.masked(child.last_words())
            facts = {**self._hearsay.facts(), "exit_code": child.exit_code, "last_words": words}
            logger.warning("worker.ended", extra=facts)

    def _die(self, why: str) -> None:
        """Be dead at once for everybody who waits; the process itself is reaped by `aclose`."""
        if self.gone.is_set():
            return
        self._why = why
        self.gone.set()
        if self._beat is not None:
            self._beat.cancel()
        if not self._ready.done():
            self._ready.set_result(None)
        self._end_job(EngineDied(f"{self._plan.name} failed", why))

    def _end_job(self, error: PortevoixError | None) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.finish(error)
        self.idle.set()


def _chunk(frame: Frame) -> AudioChunk:
    import numpy as np

    samples, rate = np.frombuffer(frame.payload, dtype="<f4"), int(frame.header["rate"])
    if rate <= 0:
        raise FrameError(f"a sample rate of {rate} Hz")
    return AudioChunk(samples, rate, marks_from(frame.header["marks"]))
