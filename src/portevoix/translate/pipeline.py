"""One life of an Apertium pipeline: programs one behind the other, kept alive, asked one text at a time.

Each text goes in between two marks with a number of its own, which all stages pass through unchanged, and comes out
between them: an answer that was cut off, or belongs to an earlier question, cannot be taken for the right one. A stage
that dies takes the pipeline with it: the end of its output runs down to the end of the last.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

from portevoix.errors import EngineDied, EngineFailed, EngineTimeout

ANSWER_SECONDS = 10.0
"""Longest time for one sentence, which takes some milliseconds, on a machine that is busy."""

START_SECONDS = 30.0
WARM_UP = "Test 1."
LARGEST_BYTES = 60_000
"""A text larger than a pipe might not go in at once."""

_READ_BYTES = 65_536
_SPECIAL = re.compile(r"[\[\]\\/^$<>{}@]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def escape(text: str) -> str:
    """Return a text in which the signs of Apertium's stream format stand for themselves, without NUL."""
    return _SPECIAL.sub(r"\\\g<0>", text.replace("\0", ""))


def unescape(text: str) -> str:
    """Return a text without the marks of `escape`."""
    return _ESCAPED.sub(r"\1", text)


class Garbled(EngineDied):
    """Tell that an answer came back without its marks; the pipeline is not used any more."""

    code = "translation_garbled"


class Pipeline:
    """Translate one text at a time; every method belongs to the event loop that started it."""

    def __init__(self, name: str, stages: list[subprocess.Popen[bytes]]) -> None:
        """Take ownership of `stages`, whose pipes are joined; use `start`."""
        self._name = name
        self._stages = stages
        self._numbers = itertools.count(1)
        self._heard = bytearray()
        self._answer: asyncio.Future[bytes] | None = None
        self._is_gone = False
        assert stages[0].stdin is not None  # noqa: S101 - they were started with pipes
        assert stages[-1].stdout is not None  # noqa: S101 - the same
        self._input, self._output = stages[0].stdin.fileno(), stages[-1].stdout.fileno()
        for descriptor in (self._input, self._output):
            os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(self._output, self._hear)

    @classmethod
    async def start(cls, name: str, commands: Sequence[Sequence[str]]) -> Pipeline:
        """Start the programs and let them answer once, which is slow the first time and proves that they work.

        Raises:
            EngineFailed: a program is missing, or died.
            EngineTimeout: they did not answer.
        """
        spawning = asyncio.ensure_future(asyncio.to_thread(_spawn, commands))
        try:
            stages = await asyncio.shield(spawning)
        except OSError as error:
            raise EngineFailed(f"{name} cannot be started", str(error)) from error
        except asyncio.CancelledError:
            spawning.add_done_callback(_abandon)
            raise
        pipeline = cls(name, stages)
        try:
            await pipeline.ask(WARM_UP, START_SECONDS)
        except BaseException:
            await pipeline.aclose()
            raise
        return pipeline

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the processes' numbers."""
        return tuple(stage.pid for stage in self._stages)

    def is_alive(self) -> bool:
        """Return whether every stage lives; cheap."""
        return not self._is_gone and all(stage.poll() is None for stage in self._stages)

    async def ask(self, text: str, limit_seconds: float = ANSWER_SECONDS) -> str:
        """Return the translation of a text that is not blank; one at a time.

        A caller who is cancelled leaves a pipeline that must be closed.

        Raises:
            EngineDied: a stage died, or the answer is not the one to this question.
            EngineTimeout: there was no answer in time.
            EngineFailed: the text is too large.
        """
        mark = f"[{next(self._numbers)}]"
        content = f"{mark}{escape(text)}{mark}".encode("utf-8", "replace") + b"\0"
        if len(content) > LARGEST_BYTES:
            raise EngineFailed(f"{self._name} failed", "the sentence is too large")
        answer = self._answer = asyncio.get_running_loop().create_future()
        if not self.is_alive():
            raise self._died()
        self._write(content)
        try:
            async with asyncio.timeout(limit_seconds):
                heard = await answer
        except TimeoutError as error:
            self._die()
            raise EngineTimeout(f"{self._name} hung", f"no answer within {limit_seconds:g} s") from error
        except asyncio.CancelledError:
            self._die()
            raise
        return self._checked(heard.decode("utf-8", "replace"), mark)

    async def aclose(self) -> None:
        """Kill every stage; nothing of it is left afterwards."""
        self._die()
        await asyncio.to_thread(_reap, self._stages)

    def _write(self, content: bytes) -> None:
        try:
            written = os.write(self._input, content)
        except OSError:
            written = 0
        if written != len(content):
            self._die()

    def _checked(self, heard: str, mark: str) -> str:
        """Return an answer without its marks, if it has both and all stages have lived to see it."""
        if not self.is_alive():
            raise self._died()
        if heard.count(mark) != 2:  # noqa: PLR2004 - one at each end
            self._die()
            raise Garbled(f"{self._name} failed", "its answer was not the one to the question")
        translation = unescape(heard.replace(mark, ""))
        if not translation.strip():
            self._die()
            raise Garbled(f"{self._name} failed", "its answer was empty")
        return translation

    def _hear(self) -> None:
        try:
            content = os.read(self._output, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            self._die()
            return
        self._heard += content
        if self._heard.endswith(b"\0"):
            heard, self._heard = bytes(self._heard[:-1]), bytearray()
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(heard)

    def _die(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            asyncio.get_running_loop().remove_reader(self._output)
            for stage in self._stages:
                with suppress(ProcessLookupError):
                    stage.kill()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._died())
            self._answer.exception()

    def _died(self) -> EngineDied:
        return EngineDied(f"{self._name} failed", "one of its processes ended")


def _spawn(commands: Sequence[Sequence[str]]) -> list[subprocess.Popen[bytes]]:
    """Start the programs, each reading what the one before writes."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    stages: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            source = stages[-1].stdout if stages else subprocess.PIPE
            stages.append(subprocess.Popen(
                command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
                start_new_session=True, bufsize=0,
            ))  # fmt: skip
            if len(stages) > 1:
                _close(stages[-2].stdout)
    except OSError:
        for stage in stages:
            stage.kill()
        _reap(stages)
        raise
    return stages


def _abandon(spawning: asyncio.Future[list[subprocess.Popen[bytes]]]) -> None:
    """End programs that were started for somebody who has left; a thread of its own waits until they have gone."""
    if not spawning.cancelled() and spawning.exception() is None:
        for stage in spawning.result():
            stage.kill()
        threading.Thread(target=_reap, args=(spawning.result(),), name="end pipeline").start()


def _reap(stages: Sequence[subprocess.Popen[bytes]]) -> None:
    for stage in stages:
        _close(stage.stdin)
        _close(stage.stdout)
        stage.wait()


def _close(pipe: object) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()  # type: ignore[attr-defined]
