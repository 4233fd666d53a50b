"""Work that is cancelled, and cancelled again while it ends; and the processes that it must not leave behind."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path


def children(module: str) -> list[int]:
    """Return the processes of this one that run a module."""
    found = []
    for listed in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        with suppress(OSError):  # a thread or a process may have ended by now
            found += [int(pid) for pid in listed.read_text().split() if module.encode() in _command(pid)]
    return found


def _command(pid: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def is_left(pid: int) -> bool:
    """Tell whether a process runs, or has ended and nobody has asked how."""
    return Path(f"/proc/{pid}").exists()


async def cancel_again_and_again(task: asyncio.Task) -> BaseException | None:
    """Cancel a task, and again while it ends; return what it ended with."""
    await asyncio.sleep(0)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    return asyncio.CancelledError() if task.cancelled() else task.exception()
