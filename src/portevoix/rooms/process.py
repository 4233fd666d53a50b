"""One child process: in a session of its own, its output by callback, its death seen at once, nothing left behind.

The end of the output is the first sign of death: waiting for the exit status alone would wait for whoever else holds
the pipes.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from portevoix.children import kill_session
from portevoix.rooms.hearsay import last_words
from portevoix.rooms.lines import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

END_GRACE_SECONDS = 0.5
"""How long a process may take to leave by itself once its input is closed."""

STDERR_LINES = 20


class ChildProcess(asyncio.SubprocessProtocol):
    """Hold one process; every method belongs to the event loop that spawned it.

    Attributes:
        pid: its number; also that of its session and process group.
        ended: set once the process has exited and been reaped.
    """

    def __init__(
        self,
        on_output: Callable[[bytes], None],
        on_end: Callable[[], None],
        on_error_line: Callable[[bytes], None] | None = None,
    ) -> None:
        self.pid = 0
        self.ended = asyncio.Event()
        self._on_output = on_output
        self._on_end = on_end
        self._on_error_line = on_error_line or (lambda _: None)
        self._unfinished = b""
        self._has_told = False
        self._errors: deque[bytes] = deque(maxlen=STDERR_LINES)
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        on_output: Callable[[bytes], None],
        on_end: Callable[[], None],
        on_error_line: Callable[[bytes], None] | None = None,
        environment: Mapping[str, str] | None = None,
        joins_errors: bool = False,
    ) -> ChildProcess:
        """Start `command`.

        Args:
            command: program and arguments; no shell sees them.
            on_output: called with each piece of its standard output.
            on_end: called once, as soon as the process is known to be dying.
            on_error_line: called with each line of its standard error.
            environment: the whole environment, or None for this process's own.
            joins_errors: standard error is part of the output.

        Raises:
            OSError: the program cannot be started.
        """
        stderr = subprocess.STDOUT if joins_errors else subprocess.PIPE
        transport, child = await asyncio.get_running_loop().subprocess_exec(
            lambda: cls(on_output, on_end, on_error_line), *command,
            env=environment, stderr=stderr, start_new_session=True,
        )  # fmt: skip
        child.pid = transport.get_pid()
        return child

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Pass output on; keep the last words of standard error."""
        if fd == 1:
            self._on_output(data)
        else:
            self._hear_errors(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """Take the end of the output for the beginning of the end."""
        if fd == 1:
            self._tell()
        else:
            self._hear_errors(b"\n")

    def process_exited(self) -> None:
        """Take whatever the process had started along with it."""
        self._kill_group()
        self.ended.set()
        self._tell()

    def write(self, data: bytes) -> None:
        """Send bytes to its standard input; to a dead process they are dropped."""
        pipe = self._transport and self._transport.get_pipe_transport(0)
        if pipe is not None and not pipe.is_closing():
            cast("asyncio.WriteTransport", pipe).write(data)

    def kill(self) -> None:
        """Kill it and everything in its session, also when it is stopped."""
        if not self.ended.is_set():
            self._kill_group()

    async def end(self, grace_seconds: float = END_GRACE_SECONDS) -> None:
        """Close its input, wait for it to leave, else kill it; nothing of it is left afterwards."""
        try:
            await self._leave(grace_seconds)
        finally:
            self.kill()
            if self._transport is not None:
                self._transport.close()
        await self.ended.wait()

    def last_words(self) -> str:
        """Return the last line of its standard error, or ""."""
        return last_words([*self._errors, self._unfinished])

    @property
    def exit_code(self) -> int | None:
        """Return what it ended with, the signal's number below zero where one killed it; None while it runs."""
        return self._transport.get_returncode() if self._transport else None

    def _hear_errors(self, data: bytes) -> None:
        """Take part of standard error."""
        lines, self._unfinished = cut(self._unfinished, data)
        for line in lines:
            self._errors.append(line)
            self._on_error_line(line)

    async def _leave(self, grace_seconds: float) -> None:
        if self._transport is not None and (pipe := self._transport.get_pipe_transport(0)) is not None:
            pipe.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), grace_seconds)

    def _tell(self) -> None:
        if not self._has_told:
            self._has_told = True
            self._on_end()

    def _kill_group(self) -> None:
        if self._transport is not None and (pid := self._transport.get_pid()) is not None:
            kill_session(pid, self._transport.kill)
