"""A program that reads a line, writes a WAV file, and then says where: one life of it."""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.errors import EngineDied, EngineError, EngineFailed, EngineTimeout
from portevoix.rooms.hearsay import Hearsay
from portevoix.rooms.life import WorkingLife
from portevoix.rooms.lines import cut
from portevoix.rooms.process import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOK_AGAIN_SECONDS = 0.005
LOOKS = 200
"""How often a file that was announced before it was whole is looked at again."""

KEPT_LINES = 20


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """Say which program runs, and how it is kept.

    Attributes:
        name: for messages and logs.
        command: program and arguments.
        folder: where it writes; what it prints about a file contains this path.
        first_line: what it is asked at the start, to prove that it works.
        environment: variables that are added to this process's own.
        ready_seconds: how long it may take until the first line is answered.
        cancel_seconds: how long it may go on with a line that nobody waits for; then it is killed.
        hint: what to do when it does not start.
    """

    name: str
    command: Sequence[str]
    folder: Path
    first_line: str
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_seconds: float = 30.0
    cancel_seconds: float = 1.0
    hint: str = ""


class LineProgram(WorkingLife[ProgramPlan]):
    """One life of the program; answers one line at a time.

    It is told apart where one answer ends by the file's path, which the program prints when the file is finished.
    """

    def __init__(self, plan: ProgramPlan) -> None:
        super().__init__(plan)
        self._hearsay = Hearsay(plan.name)
        self._heard = b""
        self._said: list[str] = []
        self._answer: asyncio.Future[bytes] | None = None

    async def answer(self, line: str, limit_seconds: float, request_id: str = "") -> bytes:
        """Return the WAV file that the program writes for `line`; it must be idle. `request_id` is for logs.

        When the caller is cancelled the program may finish the line, and is killed if it does not soon.

        Raises:
            EngineFailed: the program died, or wrote no whole file.
            EngineTimeout: it did not answer in `limit_seconds`; it is killed.
        """
        self._hearsay.begin(line, request_id)
        answer = self._ask(line)
        try:
            async with asyncio.timeout(limit_seconds):
                return await asyncio.shield(answer)
        except TimeoutError as error:
            self.kill(f"it did not answer in {limit_seconds:g} s")
            raise EngineTimeout(f"{self._plan.name} hung", f"it did not answer in {limit_seconds:g} s") from error
        finally:
            if not answer.done():
                asyncio.get_running_loop().call_later(self._plan.cancel_seconds, self._insist, answer)

    async def _open(self) -> None:
        plan = self._plan
        environment = {**os.environ, **plan.environment}
        try:
            self._child = await ChildProcess.spawn(
                plan.command, on_output=self._hear, on_end=self._bury, environment=environment, joins_errors=True
            )
        except OSError as error:
            raise EngineFailed(f"{plan.name} cannot start {plan.command[0]}", str(error), plan.hint) from error
        self._hearsay.pid = self.pid
        try:
            await self.answer(plan.first_line, plan.ready_seconds)
        except EngineError as error:
            raise type(error)(f"{plan.name} did not start", self._last_words() or error.why, plan.hint) from error

    def _ask(self, line: str) -> asyncio.Future[bytes]:
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self.gone.is_set() or self._child is None:
            answer.set_exception(EngineDied(f"{self._plan.name} failed", "its process ended"))
            return answer
        self._answer = answer
        self.idle.clear()
        self._child.write(line.encode("utf-8", "replace") + b"\n")
        return answer

    def _insist(self, answer: asyncio.Future[bytes]) -> None:
        if not answer.done():
            self.kill("nobody waits for what it is doing")

    def _hear(self, data: bytes) -> None:
        lines, self._heard = cut(self._heard, data)
        for line in lines:
            self._understand(line.decode("utf-8", "replace").strip())

    def _understand(self, line: str) -> None:
        self._said = [*self._said[1 - KEPT_LINES :], line]
        start = line.find(str(self._plan.folder))
        if start >= 0 and line.endswith(".wav"):
            self._collect(Path(line[start:]), LOOKS)
        else:
            self._hearsay.take(line.encode())

    def _collect(self, path: Path, looks: int) -> None:
        """Take the file, once it is as long as it says."""
        wav = b""
        with suppress(OSError):
            wav = path.read_bytes()
        if not _is_whole(wav) and looks and not self.gone.is_set():
            asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self._collect, path, looks - 1)
            return
        path.unlink(missing_ok=True)
        self._finish(wav if _is_whole(wav) else EngineFailed(f"{self._plan.name} failed", "its file is cut short"))

    def _bury(self) -> None:
        self.kill("its process ended")

    def _die(self, why: str) -> None:
        if not self.gone.is_set():
            self.gone.set()
            self._finish(EngineDied(f"{self._plan.name} failed", why))

    def _finish(self, outcome: bytes | EngineError) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            _resolve(answer, outcome)
        self.idle.set()

    def _last_words(self) -> str:
        return next((line for line in reversed(self._said) if line), "")[:200]


def _resolve(answer: asyncio.Future[bytes], outcome: bytes | EngineError) -> None:
    if isinstance(outcome, bytes):
        answer.set_result(outcome)
    else:
        answer.set_exception(outcome)
        answer.exception()


def _is_whole(wav: bytes) -> bool:
    """Tell whether a RIFF file is as long as its header says."""
    return wav[:4] == b"RIFF" and len(wav) >= 8 + struct.unpack_from("<I", wav.ljust(8, b"\0"), 4)[0]
