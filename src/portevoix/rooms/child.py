"""The worker's side of a room: `python -m portevoix.rooms.child package.module:Factory`.

Frames arrive on standard input and leave on standard output; both are taken away first, so that a library that prints
writes to standard error instead, and no grandchild holds the pipes. The main thread speaks; a second one reads, so that
cancelling and the heartbeat work while the first is busy. When standard input ends, the process ends.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portevoix.errors import EngineUnavailable
from portevoix.logs import configure_logging
from portevoix.rooms.environments import occupy
from portevoix.rooms.pipe import Pipe, take_pipes
from portevoix.rooms.wire import error_fields, mark_fields, utterance_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from portevoix.audio import AudioChunk
    from portevoix.engine import Synthesizer
    from portevoix.rooms.frames import Frame
    from portevoix.speech import Utterance

EXIT_SECONDS = 1.0
"""How long a synthesizer may take to stop once standard input has ended."""


class Job:
    """Hold one utterance's way through the worker: how far it may go, and whether anybody still wants it."""

    def __init__(self, number: int, utterance: Utterance, credit_chunks: int) -> None:
        self.number = number
        self.utterance = utterance
        self._credit = threading.Semaphore(credit_chunks)
        self._cancelled = threading.Event()

    def is_cancelled(self) -> bool:
        """Tell whether nobody wants the rest."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Say that nobody wants the rest."""
        self._cancelled.set()
        self._credit.release()

    def allow(self, chunks: int) -> None:
        """Let the worker go further."""
        self._credit.release(chunks)

    def may_go_on(self) -> bool:
        """Wait until another chunk is wanted; false when none ever will be."""
        self._credit.acquire()
        return not self.is_cancelled()


class Inbox:
    """Sort what arrives, on a thread of its own: new work is queued, the rest takes effect at once."""

    def __init__(self, pipe: Pipe, frames: Iterator[Frame]) -> None:
        self._pipe = pipe
        self._frames = frames
        self._jobs: dict[int, Job] = {}
        self._work: queue.SimpleQueue[Job | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def work(self) -> Iterator[Job]:
        """Yield jobs in the order of asking, until the other side closes."""
        while (job := self._work.get()) is not None:
            yield job
            self._jobs.pop(job.number, None)

    def _read(self) -> None:
        for frame in self._frames:
            with suppress(OSError):
                self._take(frame)
        threading.Timer(EXIT_SECONDS, os._exit, (0,)).start()
        for job in tuple(self._jobs.values()):
            job.cancel()
        self._work.put(None)

    def _take(self, frame: Frame) -> None:
        if frame.kind == "ping":
            self._pipe.send({"kind": "pong", "resident_bytes": _resident_bytes()})
        elif frame.kind == "speak":
            job = Job(frame.header["id"], utterance_from(frame.header["utterance"]), frame.header["credit"])
            self._jobs[job.number] = job
            self._work.put(job)
        elif known := self._jobs.get(frame.header.get("id", 0)):
            _steer(known, frame)


class RequestName(logging.Filter):
    """Put the name of the request that is being spoken on each log record.

    Attributes:
        request_id: that name, or "".
    """

    request_id = ""

    @classmethod
    def on_every_line(cls, level: str) -> RequestName:
        """Write this process's log to standard error, a JSON object a line, from `level` on."""
        log = cls()
        configure_logging("json", level).addFilter(log)
        return log

    def filter(self, record: logging.LogRecord) -> bool:
        """Name it, unless it is named."""
        record.__dict__.setdefault("request_id", self.request_id)
        return True


def _steer(job: Job, frame: Frame) -> None:
    if frame.kind == "cancel":
        job.cancel()
    elif frame.kind == "more":
        job.allow(frame.header["chunks"])


def main(factory: str = "") -> None:
    """Speak until standard input ends; `factory` is `package.module:Factory`, by default the first argument."""
    faulthandler.enable()
    tenancy = occupy()
    pipe = take_pipes()
    frames = pipe.frames()
    start = next(frames, None)
    if start is None:
        return
    log = RequestName.on_every_line(start.header.get("log_level", "WARNING"))
    inbox = Inbox(pipe, frames)
    inbox.start()
    with suppress(BrokenPipeError):
        _serve(pipe, inbox, factory or sys.argv[1], start.header.get("options", {}), log)
    if tenancy is not None:
        tenancy.close()


def _serve(pipe: Pipe, inbox: Inbox, factory: str, options: Mapping[str, Any], log: RequestName) -> None:
    try:
        synthesizer = _make(factory)(**options)
        voices = [asdict(voice) for voice in synthesizer.voices()]
    except Exception as error:  # noqa: BLE001 - what a foreign package raises travels to the parent
        traceback.print_exc()
        pipe.send({"kind": "failed", "error": error_fields(error)})
        return
    pipe.send({"kind": "ready", "voices": voices, "device": str(getattr(synthesizer, "device", ""))})
    try:
        for job in inbox.work():
            log.request_id = job.utterance.request_id
            _speak(pipe, synthesizer, job)
    finally:
        synthesizer.close()


def _make(factory: str) -> Callable[..., Synthesizer]:
    module, _, name = factory.partition(":")
    try:
        made: Callable[..., Synthesizer] = getattr(import_module(module), name)
    except ImportError as error:
        raise EngineUnavailable(f"{factory} cannot be started", str(error), "Install what is missing.") from error
    return made


def _speak(pipe: Pipe, synthesizer: Synthesizer, job: Job) -> None:
    end: dict[str, Any] = {"kind": "end", "id": job.number}
    try:
        pipe.send({"kind": "begun", "id": job.number})
        chunks = synthesizer.speak(job.utterance, job.is_cancelled)
        try:
            while job.may_go_on() and (chunk := next(chunks, None)) is not None:
                _send_chunk(pipe, job, chunk)
        finally:
            _close(chunks)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - what a foreign package raises travels to the parent
        end["error"] = error_fields(error)
    pipe.send(end)


def _send_chunk(pipe: Pipe, job: Job, chunk: AudioChunk) -> None:
    header = {"kind": "chunk", "id": job.number, "rate": chunk.sample_rate, "marks": mark_fields(chunk.marks)}
    pipe.send(header, chunk.samples.astype("<f4", copy=False).tobytes())


def _close(chunks: Iterator[AudioChunk]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


def _resident_bytes() -> int:
    """Return this process's resident memory, or 0 where it cannot be known cheaply."""
    with suppress(OSError, AttributeError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


if __name__ == "__main__":
    main()
