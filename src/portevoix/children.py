"""The end of a process that was started in a session of its own: nothing that it started is left either."""

from __future__ import annotations

import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress

from portevoix.tasks import see_through


def kill_session(pid: int, kill: Callable[[], None]) -> None:
    """Kill all processes of the group `pid`, also those that are stopped; `kill` serves where there are no groups."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            kill()


async def end_child(process: Process) -> None:
    """Kill a process with all it started, and reap it, however often this is cancelled meanwhile."""
    if process.returncode is None:
        kill_session(process.pid, process.kill)
    await see_through(_reap(process))


async def _reap(process: Process) -> None:
    with suppress(ConnectionError):
        await process.communicate()
